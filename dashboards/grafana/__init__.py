"""Dashboards for Grafana: drawn by ``draw/``, committed as JSON in both languages, fitted to a site and pushed."""
