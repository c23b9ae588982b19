"""How the board's files and figures reach a browser: machinery, no board by itself."""
