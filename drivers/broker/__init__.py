"""Machinery of the MQTT driver: between its network thread, the event loop and the journal's thread."""
