"""A channel of any type, built for a test: every secret in a file of its own, and the same in every one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.clock import ManualClock
from gateway.contracts import Channel, ChannelContext
from gateway.files import parse_yaml
from gateway.model import Notice, Severity
from gateway.words import Language

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
SECRET = "12345:s3cret-t0ken/of-the-v1llage+gateway"  # with signs that look different in an address
BOT_TOKEN = "12345:AAs3cret-t0ken_of-the-v1llage"  # Telegram's are of this shape
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
ADDRESS = {
    "email": "li@example.com",
    "ntfy": "duty-li",
    "telegram": "4711",
    "wecom_app": "LiLei",
}


def secret_file(folder: Path, text: str = SECRET, name: str = "secret") -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
    return str(path)


def needed(kind: str, folder: Path, port: int) -> dict[str, Any]:
    """Settings that lead to a port of this machine; one line for a new channel."""
    url = f"http://127.0.0.1:{port}"
    secret = secret_file(folder)
    match kind:
        case "console":
            return {}
        case "email":
            return {"host": "127.0.0.1", "port": port, "sender": "gateway@example.com", "security": "none"}
        case "mqtt":
            return {"host": "127.0.0.1", "port": port}
        case "apprise":
            return {"url_file": secret_file(folder, f"json://127.0.0.1:{port}/{BOT_TOKEN}", "apprise")}
        case "dingtalk" | "feishu":
            return {
                "url": url,
                "token_file": secret,
                "secret_file": secret_file(folder, "SECsign-v1llage", "sign"),
            }
        case "wecom_bot":
            return {"url": url, "key_file": secret}
        case "wecom_app":
            return {"url": url, "corp_id": "ww0123456789", "agent_id": 1000002, "secret_file": secret}
        case "telegram":
            return {"url": url, "token_file": secret_file(folder, BOT_TOKEN)}
        case "webhook":
            return {"url": url, "secret_file": secret, "token_file": secret}
        case "ntfy":
            return {"url": url, "token_file": secret}
        case _:
            return from_its_example(kind, url, secret)


def from_its_example(kind: str, url: str, secret: str) -> dict[str, Any]:
    """The example of the module itself, led here."""
    text = (plugins.load("channel", kind).__doc__ or "").split("::\n\n", 1)[1].split("\n\n")[0]
    (settings,) = parse_yaml(text.encode(), Path(kind)).data["channels"].values()
    settings = {
        key: secret if key.endswith("_file") else value for key, value in settings.items() if key != "type"
    }
    return (
        settings | {"endpoint": url}
        if "endpoint" in plugins.load("channel", kind).Settings.model_fields
        else settings
    )


def channel(
    kind: str,
    folder: Path,
    port: int,
    *,
    clock: ManualClock | None = None,
    language: Language = "zh",
    **more: Any,
) -> Channel:
    module = plugins.load("channel", kind)
    settings = module.Settings(**{**needed(kind, folder, port), **more})
    context = ChannelContext("far", "六合村", language, clock or ManualClock(AT), folder / "state")
    built: Channel = module.Channel(settings, context)
    provider = getattr(built, "_provider", None)
    if provider is not None:
        provider.total_s = 1.0  # impatient enough for a test
    return built


def notice(kind: str = "", **more: Any) -> Notice:
    what: dict[str, Any] = {
        "id": "alert-7",
        "to": ADDRESS.get(kind, ""),
        "subject": "3号桶已满",
        "text": "3号桶 91 %，请于今天清运。",
        "severity": Severity.YELLOW,
    }
    return Notice(**{**what, **more})
