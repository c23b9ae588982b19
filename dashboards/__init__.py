"""A wing: what people look at. ``views/`` computes what a board shows, ``page/`` is what a browser loads."""
