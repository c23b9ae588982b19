"""Between a change of an alert and the messages: masks, repeats, rounds, digests. Pure rooms."""
