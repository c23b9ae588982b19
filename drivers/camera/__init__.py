"""Machinery of the drivers that listen to the alarms of cameras: an HTTP answer that never ends, cut into its parts."""
