"""The machinery behind every detector: cameras, models, tracks, zones, evidence, and the worker that joins them."""
