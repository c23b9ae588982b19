"""The machinery of ``drivers/vision.py``: the wire to the worker, and what its lines mean."""
