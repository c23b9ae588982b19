"""The command ``village``: one file for each sub-command."""
