"""``village grafana``: dashboards fitted to a site, written to files or pushed into a running Grafana."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboards import grafana as shelf
from dashboards.grafana import alerting
from dashboards.grafana.fit import SOURCE_UID, fitted
from dashboards.grafana.push import Done, Grafana, rendered
from gateway.credentials import read_secret
from gateway.errors import Fault, SettingsError
from gateway.site import Site, load_site, load_words
from gateway.words import Language

HELP = "dashboards for Grafana: write them to files for a site, or push them into a running Grafana"
EXAMPLE = """
village grafana render /etc/village --out /var/lib/grafana/village
village grafana push /etc/village --url http://127.0.0.1:3000 --token-file grafana-token
village grafana push /etc/village --url https://grafana.example --token-file grafana-token \\
    --gateway http://192.168.1.20:8480 --gateway-token-file hook-token --lang en
"""
EX_UNAVAILABLE = 69
TIMEOUT_S = 15.0
_JSON = Path(shelf.__file__).parent / "json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, text in (
        ("render", "write the dashboards as files"),
        ("push", "put them into a running Grafana"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("site", type=Path, help="folder with village.yaml")
        one.add_argument("--lang", choices=["zh", "en"], help="of the dashboards (default: the site's)")
        if name == "render":
            one.add_argument("--out", type=Path, required=True, help="folder for the files")
            continue
        one.add_argument("--url", required=True, help="of Grafana, e.g. http://127.0.0.1:3000")
        one.add_argument(
            "--token-file", required=True, help="file with the token of a service account (role Admin)"
        )
        one.add_argument(
            "--sink", help="which influxdb sink of the site is the data source (default: the first)"
        )
        one.add_argument(
            "--gateway", help="URL of this gateway as Grafana reaches it: its alerts come back here"
        )
        one.add_argument("--gateway-token-file", help="with --gateway: file with a token of this gateway")


def run(args: argparse.Namespace) -> int:
    """Write or push."""
    site = load_site(args.site)
    language: Language = args.lang or site.village.site.language
    return _render(site, language, args.out) if args.what == "render" else _push(site, language, args)


def boards(site: Site, language: Language) -> Iterator[dict[str, Any]]:
    """Every dashboard, fitted to the site."""
    cells = {slug: (cell.name, _devices_in(site, slug)) for slug, cell in site.village.cells.items()}
    names = {slug: device.settings.name or slug for slug, device in site.devices.items()}
    for path in sorted((_JSON / language).glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        yield fitted(board, site=site.village.site.slug, cells=cells, names=names)


def _devices_in(site: Site, cell: str) -> list[str]:
    """The devices of a cell and of all cells within it."""
    inside = {cell}
    while more := {slug for slug, one in site.village.cells.items() if one.parent in inside} - inside:
        inside |= more
    return sorted(slug for slug, device in site.devices.items() if device.settings.cell in inside)


def _render(site: Site, language: Language, out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    for board in boards(site, language):
        path = out / f"{board['uid']}.json"
        path.write_text(rendered(board), encoding="utf-8")
        print(path)
    return 0


def _push(site: Site, language: Language, args: argparse.Namespace) -> int:
    words = load_words(language)
    token = read_secret(args.token_file, "--token-file")
    hook = (
        read_secret(args.gateway_token_file, "--gateway-token-file").reveal()
        if args.gateway_token_file
        else ""
    )
    source = _source(site, args.sink)
    grafana = _connected(args.url, token.reveal())
    refused = 0
    for done in _all(grafana, site, language, source, gateway=args.gateway, hook=hook):
        refused += done.became == "refused"
        line = f"{words('grafana_push.' + done.became):<10} {done.what}"
        print(f"{line}: {done.why}" if done.why else line, file=sys.stderr if done.why else sys.stdout)
    return EX_UNAVAILABLE if refused else 0


def _all(
    grafana: Grafana,
    site: Site,
    language: Language,
    source: dict[str, Any],
    *,
    gateway: str | None,
    hook: str,
) -> Iterator[Done]:
    words = load_words(language)
    folder = grafana.folder(words("grafana_push.folder"))
    yield folder
    yield grafana.source(source)
    if folder.became == "refused":
        return  # nothing can lie in a folder that is not there
    for board in boards(site, language):
        yield grafana.dashboard(board)
    yield grafana.rule(alerting.silent_gateway(site.village.site.slug, words))
    if gateway:
        yield grafana.contact(alerting.contact(gateway, hook))


def _source(site: Site, chosen: str | None) -> dict[str, Any]:
    """Grafana's data source for one of the site's own sinks, asked in InfluxQL whatever its generation is."""
    known = [name for name in site.sinks if site.village.sinks[name].type == "influxdb"]
    name = chosen or next(iter(known), None)
    if name is None or name not in known:
        problem = f"no influxdb sink is called {chosen!r}" if chosen else "has no influxdb sink to draw from"
        raise SettingsError(
            Fault(str(site.path), 0, "sinks", problem, f"known: {', '.join(known) or 'none'}")
        )
    settings: Any = site.sinks[name].settings
    data: dict[str, Any] = {
        "version": "InfluxQL",
        "timeInterval": "10s",
        "dbName": settings.database or settings.bucket,
    }
    source: dict[str, Any] = {
        "uid": SOURCE_UID,
        "name": "Village",
        "type": "influxdb",
        "access": "proxy",
        "url": settings.url,
        "jsonData": data,
    }
    if settings.api == "v2":
        token = read_secret(settings.token_file, f"sinks.{name}.token_file").reveal()
        data["httpHeaderName1"] = "Authorization"
        return {**source, "secureJsonData": {"httpHeaderValue1": f"Token {token}"}}
    if settings.username:
        source["user"] = settings.username
    if settings.password_file:
        secret = read_secret(settings.password_file, f"sinks.{name}.password_file").reveal()
        source["secureJsonData"] = {"password": secret}
    return source


def _connected(url: str, token: str) -> Grafana:
    try:
        import requests  # noqa: PLC0415 - an extra
        from grafana_api.grafana_api import GrafanaException  # noqa: PLC0415 - an extra
        from grafana_api.grafana_face import GrafanaFace  # noqa: PLC0415 - an extra
    except ImportError as error:
        remedy = "pip install 'village-gateway[grafana]'; or use files: village grafana render"
        raise SettingsError(Fault("", 0, "", f"{error.name} is not installed", remedy)) from error
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(Fault("", 0, "--url", f"{url!r} is no address", "e.g. http://127.0.0.1:3000"))
    prefix = parts.path.strip("/")
    face = GrafanaFace(
        auth=token,
        host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
        port=parts.port,
        url_path_prefix=f"{prefix}/" if prefix else "",
        protocol=parts.scheme,
        timeout=TIMEOUT_S,
    )
    return Grafana(face.api, (GrafanaException, requests.RequestException, ValueError))
