"""How the dashboards are drawn; for development only: the gateway reads the JSON, never this.

``python -m dashboards.grafana.draw`` writes ``dashboards/grafana/json/<language>/<uid>.json`` anew; a test compares.
Every file beside ``parts`` and ``influxql`` is one dashboard with a function ``draw(pen)``. Limits come from the rules
that are judged and units from the list of quantities, so a drawing cannot disagree with them.

The package that knows Grafana's types is pinned exactly: its older releases are published under an epoch and would win
over the present ones (storage-and-dashboards 3.2).
"""
