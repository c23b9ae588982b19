"""Work orders: from an alert, by hand or from outside, followed until the job is checked."""
