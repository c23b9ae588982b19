"""The wing of the drivers: each module here speaks to one kind of wire and yields what it heard."""
