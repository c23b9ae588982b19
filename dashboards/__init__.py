"""What people look at: the village board (``views/``, ``page/``), and dashboards for Grafana."""
