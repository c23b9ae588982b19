"""The shelf of channels: one file each, with ``Settings`` and ``Channel``."""
