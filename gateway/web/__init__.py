"""The way out to HTTP servers: where one is, how it knows us, and one request in bounds of time and size."""
