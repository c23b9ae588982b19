"""What Grafana itself should watch: that the gateway still sends. Everything else the gateway judges by itself. Pure.

The dead man's switch must stand on the far side: a box without power cannot say so.
"""

from __future__ import annotations

from typing import Any

from dashboards.grafana.fit import SOURCE_UID
from dashboards.grafana.push import FOLDER_UID
from gateway.words import Words

CONTACT_UID = "village-gateway"
SILENT_MIN = (
    15  # three times the gateway's own period of a minute, and time for a line that comes and goes [O]
)


def silent_gateway(site: str, words: Words) -> dict[str, Any]:
    """An alert rule: no word of the gateway itself for 15 minutes.

    Format: alerting provisioning API, ``ProvisionedAlertRule``; refs A query, B reduce, C threshold.
    """
    query = f'SELECT count("uptime") FROM "gateway" WHERE "site" = \'{site}\' AND $timeFilter'  # noqa: S608 - a slug
    window = {"from": SILENT_MIN * 60, "to": 0}
    expression = {"type": "__expr__", "uid": "__expr__"}
    return {
        "uid": f"village-silent-{site}"[:40],
        "title": words("grafana_alert.silent", site=site),
        "orgID": 1,
        "folderUID": FOLDER_UID,
        "ruleGroup": "village",
        "condition": "C",
        "for": "5m",
        "noDataState": "Alerting",
        "execErrState": "Error",
        "isPaused": False,
        "labels": {"site": site},
        "annotations": {"summary": words("grafana_alert.silent_summary", site=site, minutes=SILENT_MIN)},
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": window,
                "datasourceUid": SOURCE_UID,
                "model": {"refId": "A", "query": query, "rawQuery": True, "resultFormat": "time_series"},
            },
            {
                "refId": "B",
                "relativeTimeRange": window,
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "type": "reduce",
                    "expression": "A",
                    "reducer": "last",
                    "datasource": expression,
                },
            },
            {
                "refId": "C",
                "relativeTimeRange": window,
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "C",
                    "type": "threshold",
                    "expression": "B",
                    "datasource": expression,
                    "conditions": [{"evaluator": {"type": "lt", "params": [1]}}],
                },
            },
        ],
    }


def contact(url: str, token: str) -> dict[str, Any]:
    """The contact point: the gateway's own webhook, which makes an event of it that its rules can judge.

    Args:
        url: Of the gateway as Grafana reaches it.
        token: One of the gateway's own tokens; empty: none is sent.
    """
    settings: dict[str, Any] = {"url": f"{url.rstrip('/')}/api/v1/hooks/grafana", "httpMethod": "POST"}
    if token:
        settings |= {"authorization_scheme": "Bearer", "authorization_credentials": token}
    return {
        "uid": CONTACT_UID,
        "name": "village gateway",
        "type": "webhook",
        "settings": settings,
        "disableResolveMessage": False,
    }
