"""What cameras see: each module here is a detector, ``runtime/`` is their machinery. A program of its own."""
