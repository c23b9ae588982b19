"""The sub-commands of ``village vision``: one file each, with ``HELP``, ``EXAMPLE``, ``arguments`` and ``run``."""
