"""Telling people: one message, one person, one way."""
