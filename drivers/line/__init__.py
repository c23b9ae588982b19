"""Machinery of polled lines: the wire, whose turn it is, what one device wants, and who else is there."""
