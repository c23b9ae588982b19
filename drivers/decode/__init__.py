"""Machinery shared by drivers: from bytes and registers to samples, and from samples to readings."""
