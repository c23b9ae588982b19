"""A wing: what people look at. Each .py is a board; ``views/`` computes what it shows, ``page/`` is what a browser loads."""
