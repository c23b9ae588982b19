"""Linkage (联动): what a rule does beside telling people: sirens, relays, texts, a camera's look."""
