"""Back ends: each file runs networks with one library and imports it by itself; ``network.py`` chooses by the file."""
