"""What people look at: the village board, and dashboards for Grafana."""
