"""The shelf of the far sides: each module here sends journal entries to one kind of server."""
