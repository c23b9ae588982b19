"""One file for each thing that follows from measurements; ``gateway/deriver.py`` gives each device what it needs."""
