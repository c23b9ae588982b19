"""A village that is not there: its weather, its devices, and the far ends they speak through.

Used by the demo and by tests. Nothing here is ever imported by the house itself; the one driver that needs no wire,
``drivers/simulated.py``, takes its numbers from the same world.
"""
