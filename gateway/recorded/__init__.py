"""Recorded readings from a file: how it is laid out, CSV, JSON lines, and opening it."""
