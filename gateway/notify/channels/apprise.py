"""Any other service that the Apprise library knows: an extra, ``pip install village-gateway[apprise]``.

::

    channels:
      matrix:
        type: apprise
        url_file: apprise-matrix       # one Apprise address, e.g. matrixs://user:password@host/#room

``{to}`` in the address is replaced by the person's. The whole address counts as a secret. The library says only yes
or no, so a no is tried again later; its yes means accepted. Its own plug-ins for DingTalk, Feishu, Lark, WeCom bots,
ServerChan and PushDeer report success when the service has refused the message, and are refused here.

Source: reference alerting 2 (measured with 2.2.0).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import apprise

from gateway.contracts import ChannelContext, Delivered
from gateway.credentials import Secret
from gateway.errors import Broken, Retry, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify.picture import kind_of
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import blotted, needed_secret
from gateway.notify.text import headline, plain
from gateway.schema import Strict

PICTURE_BYTES = 2 * 1024 * 1024
_LIES = {
    "NotifyDingTalk": "dingtalk",
    "NotifyFeishu": "feishu",
    "NotifyLark": "feishu",
    "NotifyWeComBot": "wecom_bot",
    "NotifyServerChan": "",
    "NotifyPushDeer": "",
}
_PLACE = "{to}"


class Settings(Strict):
    """One service.

    Attributes:
        url_file: File with its Apprise address.
    """

    url_file: str


class Channel:
    """The service."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context

    def unfit(self, notice: Notice) -> str:
        """An address is one word or number that goes into the service's own."""
        return (
            ""
            if len(notice.to) <= 200 and notice.to.isprintable()
            else "an address has at most 200 characters"
        )

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        address = needed_secret(self._settings.url_file, "url_file")
        if notice.to and _PLACE not in address.reveal():
            raise Undeliverable(f"the address in {self._settings.url_file} has no {_PLACE} for {notice.to!r}")
        if not notice.to and _PLACE in address.reveal():
            raise Undeliverable(f"the address in {self._settings.url_file} wants an address of the person")
        service = _service(Secret(address.reveal().replace(_PLACE, quote(notice.to, safe=""))))
        note, kind = (
            "",
            apprise.NotifyType.FAILURE if notice.severity >= Severity.ORANGE else apprise.NotifyType.INFO,
        )
        picture = notice.picture
        if picture is not None:
            note = picture_problem(picture, PICTURE_BYTES) or (
                "" if service.attachment_support else "this service takes none"
            )
            picture = None if note else picture
        with _listening() as heard, tempfile.TemporaryDirectory() as folder:
            attached = None
            if picture is not None:
                _, end = kind_of(picture) or ("", "jpg")
                file = Path(folder) / f"picture.{end}"
                file.write_bytes(picture)
                attached = apprise.AppriseAttachment(str(file))
            taken = service.notify(
                body=plain(notice.text).strip() or plain(notice.subject),
                title=headline(notice, self._context),
                notify_type=kind,
                attach=attached,
            )
        words = " ".join(blotted(" ".join(heard), _parts(address)).split())[:300]
        if not taken:
            raise Retry(words or "the library says that it was not taken, and not why")
        return Delivered("", "accepted" + (f"; picture: {note}" if note else ""))

    def close(self) -> None:
        """Nothing stays open."""


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What the library complains about, which nobody else gets to hear: its lines may hold tokens."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ear, log = Ear(logging.WARNING), logging.getLogger("apprise")
    talkers = (log, logging.getLogger("urllib3"))  # the latter writes addresses at level DEBUG
    before = [talker.propagate for talker in talkers]
    for talker in talkers:
        talker.propagate = False
    log.addHandler(ear)
    try:
        yield heard
    finally:
        log.removeHandler(ear)
        for talker, propagated in zip(talkers, before, strict=True):
            talker.propagate = propagated


def _service(address: Secret) -> apprise.NotifyBase:
    """The library's plug-in for an address; one that cannot be believed is refused."""
    try:
        service = apprise.Apprise.instantiate(address.reveal(), suppress_exceptions=False)
    except (TypeError, ValueError) as error:
        raise Broken("the library cannot read the address in url_file") from error
    if service is None:
        raise Broken("the library cannot read the address in url_file")
    name = type(service).__name__
    if name in _LIES:
        ours = f"; use type: {_LIES[name]}" if _LIES[name] else ""
        raise Broken(f"the library reports success for {service.service_name} also when it was refused{ours}")
    return service


def _parts(address: Secret) -> list[Secret]:
    """Everything in an address that could be a token."""
    text = address.reveal()
    parts = urlsplit(text)
    found = {text, parts.netloc, parts.path, parts.query, parts.fragment, parts.username, parts.password}
    found |= {*parts.path.split("/"), *(pair.rpartition("=")[2] for pair in parts.query.split("&"))}
    return [Secret(part) for part in sorted(filter(None, found), key=len, reverse=True)]
