"""The village gateway: from a sensor on the wire to a durable journal, and on to the people who can act."""

__version__ = "0.1.0"
