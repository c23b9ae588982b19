"""As much of ONVIF as it takes to turn a camera and to know where it looks: SOAP 1.2 over HTTP, one request at a time.

Why not a library: the kept one, onvif-zeep-async (4.3.0 of September 2026, MIT), reads the services' WSDL files at
start and costs a worker 70 MB of memory and 39 MB of disk (lxml, zeep, aiohttp); ten requests do not need them.

- WS-UsernameToken with a digest (SHA-1 of nonce, time and password); cameras that want HTTP Digest beside it get that
- the time in it is the camera's own: asked for first, asked again when it refuses us, because their clocks wander
- addresses that the camera gives of its services are taken as paths only: our password goes to the host a person wrote

Source: ONVIF Core Specification 5.9.4 and 8 (GetServices, GetSystemDateAndTime, faults), Media Service Specification 5,
PTZ Service Specification 5; OASIS WSS UsernameToken Profile 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from gateway.credentials import Secret
from gateway.errors import BadReply, Lost, Misconfigured, Unavailable
from gateway.web.digest import Digest
from gateway.web.plainxml import Element, read
from gateway.web.post import Server

DEVICE_PATH = "/onvif/device_service"
TIMEOUT_S = 5.0
LARGEST = 512 * 1024
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"


class Now(Protocol):
    """The wall clock."""

    def now(self) -> datetime:
        """Aware UTC."""


class NotAuthorized(Lost):
    """The camera knows us not."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where it looks, in the camera's own generic space: pan and tilt -1..1, zoom 0..1."""

    pan: float
    tilt: float
    zoom: float = 0.0

    def near(self, other: Position, tolerance: float) -> bool:
        """Whether both are the same place."""
        return (
            abs(self.pan - other.pan) <= tolerance
            and abs(self.tilt - other.tilt) <= tolerance
            and abs(self.zoom - other.zoom) <= tolerance
        )


@dataclass(frozen=True, slots=True)
class Preset:
    """A stored place.

    Attributes:
        token: What the camera calls it. name: What people do.
        position: Where it is, if the camera says so.
    """

    token: str
    name: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the camera says of itself.

    Attributes:
        position: Where it looks; ``None`` when it does not say.
        moving: Whether it moves; ``None`` when it does not say.
    """

    position: Position | None
    moving: bool | None


class Onvif:
    """One camera. Blocks, bounded in time; not thread-safe.

    Args:
        url: ``http://host`` or the whole address of its device service.
        username: Of an account that may turn it. password: Its password.
        clock: For the time in the proof.
        ca_file: Certificate to trust instead of the system's.
        timeout_s: For one request.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: Secret,
        clock: Now,
        *,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        self._server = Server(root, ca_file, connect_s=timeout_s, total_s=timeout_s, largest_bytes=LARGEST)
        self._username = username
        self._password = password
        self._digest = Digest(username, password)
        self._clock = clock
        self._offset: timedelta | None = None
        self._paths = {_DEVICE: parts.path if len(parts.path) > 1 else DEVICE_PATH}

    def open(self) -> None:
        """Ask for its clock and its services.

        Raises:
            Lost: It is not there. NotAuthorized: It knows us not. BadReply: It does not turn, or speaks otherwise.
        """
        self._set_clock()
        answer = self._ask(
            _DEVICE, "<GetServices xmlns={ns}><IncludeCapability>false</IncludeCapability></GetServices>"
        )
        for service in answer.every("Service"):
            path = urlsplit(service.said("XAddr")).path
            if path.startswith("/"):
                self._paths[service.said("Namespace")] = path
        if _PTZ not in self._paths or _MEDIA not in self._paths:
            raise BadReply("the camera has no service to turn it (ONVIF PTZ), or none for its profiles")

    def profile(self, wanted: str = "") -> str:
        """Token of the wanted profile (by token or name), else of the first that can be turned.

        Raises:
            BadReply: There is none.
        """
        profiles = list(self._ask(_MEDIA, "<GetProfiles xmlns={ns}/>").every("Profiles"))
        for one in profiles:
            token = one.attributes.get("token", "")
            if wanted:
                if wanted in (token, one.said("Name")):
                    return token
            elif any(True for _ in one.every("PTZConfiguration")):
                return token
        names = ", ".join(one.attributes.get("token", "?") for one in profiles)[:120]
        raise BadReply(
            f"no profile {wanted!r}; there are: {names}" if wanted else "no profile that can be turned"
        )

    def stream(self, profile: str) -> str:
        """Address of its RTSP stream, without a password."""
        setup = (
            f"<StreamSetup><Stream xmlns={quoteattr(_SCHEMA)}>RTP-Unicast</Stream>"
            f"<Transport xmlns={quoteattr(_SCHEMA)}><Protocol>RTSP</Protocol></Transport></StreamSetup>"
        )
        body = f"<GetStreamUri xmlns={{ns}}>{setup}{_token(profile)}</GetStreamUri>"
        return self._ask(_MEDIA, body).said("Uri")

    def presets(self, profile: str) -> list[Preset]:
        """Its stored places."""
        answer = self._ask(_PTZ, f"<GetPresets xmlns={{ns}}>{_token(profile)}</GetPresets>")
        found = []
        for one in answer.every("Preset"):
            token = one.attributes.get("token", "")
            if token:
                found.append(Preset(token, one.said("Name") or token, _position(one)))
        return found

    def status(self, profile: str) -> Report:
        """Where it looks and whether it moves."""
        answer = self._ask(_PTZ, f"<GetStatus xmlns={{ns}}>{_token(profile)}</GetStatus>")
        states = [child.text.upper() for status in answer.every("MoveStatus") for child in status.children]
        moving = None if not states or set(states) == {"UNKNOWN"} else "MOVING" in states
        return Report(_position(answer), moving)

    def go_to(self, profile: str, preset: str) -> None:
        """Turn to a stored place; returns while it turns."""
        body = f"{_token(profile)}<PresetToken>{escape(preset)}</PresetToken>"
        self._ask(_PTZ, f"<GotoPreset xmlns={{ns}}>{body}</GotoPreset>")

    def move_to(self, profile: str, position: Position) -> None:
        """Turn to a place by its numbers; returns while it turns."""
        self._ask(
            _PTZ,
            f"<AbsoluteMove xmlns={{ns}}>{_token(profile)}<Position>{_vector(position)}</Position></AbsoluteMove>",
        )

    def move(self, profile: str, velocity: Position, seconds: float) -> None:
        """Turn with this speed for so long."""
        body = f"{_token(profile)}<Velocity>{_vector(velocity)}</Velocity><Timeout>PT{seconds:.1f}S</Timeout>"
        self._ask(_PTZ, f"<ContinuousMove xmlns={{ns}}>{body}</ContinuousMove>")

    def stop(self, profile: str) -> None:
        """Stand still."""
        self._ask(
            _PTZ, f"<Stop xmlns={{ns}}>{_token(profile)}<PanTilt>true</PanTilt><Zoom>true</Zoom></Stop>"
        )

    def close(self) -> None:
        """Let the connection go."""
        self._server.close()

    # -- the wire --------------------------------------------------------------------------------

    def _set_clock(self) -> None:
        """How far its clock is from ours; the one question that may be asked without a proof (Core 5.12.1)."""
        answer = self._exchange(_DEVICE, "<GetSystemDateAndTime xmlns={ns}/>", header="")
        utc = next(answer.every("UTCDateTime"), None)
        numbers = (
            [utc.number(name) for name in ("Year", "Month", "Day", "Hour", "Minute", "Second")] if utc else []
        )
        try:
            theirs = datetime(*(int(one) for one in numbers if one is not None), tzinfo=UTC)  # type: ignore[misc,arg-type]
        except (TypeError, ValueError):
            self._offset = timedelta(0)  # it does not say: ours will do
            return
        self._offset = theirs - self._clock.now()

    def _ask(self, service: str, body: str) -> Element:
        try:
            return self._exchange(service, body, header=self._proof())
        except NotAuthorized:
            before = self._offset
            self._set_clock()
            assert self._offset is not None
            if before is not None and abs(self._offset - before) < timedelta(seconds=5):
                raise  # its clock is as we thought: it is the password
            return self._exchange(service, body, header=self._proof())

    def _exchange(self, service: str, body: str, *, header: str) -> Element:
        path = self._paths[service]
        content = (
            f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s={quoteattr(_ENVELOPE)}>{header}'
            f"<s:Body>{body.replace('{ns}', quoteattr(service))}</s:Body></s:Envelope>"
        ).encode()
        kind = {"Content-Type": "application/soap+xml; charset=utf-8"}
        try:
            reply = self._server.request(
                "POST", path, body=content, headers={**kind, **self._http_proof(path)}
            )
            if reply.status == 401 and self._digest.challenged([reply.headers.get("www-authenticate", "")]):
                headers = {**kind, **self._http_proof(path)}
                reply = self._server.request("POST", path, body=content, headers=headers)
        except (Unavailable, Misconfigured) as error:
            raise Lost(str(error)) from error
        if reply.status in {401, 403}:
            raise NotAuthorized("the camera refuses the user or the password")
        return _body(reply.status, reply.body)

    def _http_proof(self, path: str) -> Mapping[str, str]:
        return self._digest.headers("POST", path)

    def _proof(self) -> str:
        """WS-Security with a UsernameToken, as of the camera's own clock."""
        nonce = secrets.token_bytes(16)
        created = f"{self._clock.now() + (self._offset or timedelta(0)):%Y-%m-%dT%H:%M:%S.000Z}"
        secret = nonce + created.encode() + self._password.reveal().encode()
        digest = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest()).decode("ascii")
        secext, utility = f"{_WSS}-wssecurity-secext-1.0.xsd", f"{_WSS}-wssecurity-utility-1.0.xsd"
        return (
            f'<s:Header><Security s:mustUnderstand="1" xmlns={quoteattr(secext)}><UsernameToken>'
            f"<Username>{escape(self._username)}</Username>"
            f'<Password Type="{_WSS}-username-token-profile-1.0#PasswordDigest">{digest}</Password>'
            f'<Nonce EncodingType="{_WSS}-soap-message-security-1.0#Base64Binary">'
            f"{base64.b64encode(nonce).decode('ascii')}</Nonce>"
            f"<Created xmlns={quoteattr(utility)}>{created}</Created></UsernameToken></Security></s:Header>"
        )


def _body(status: int, content: bytes) -> Element:
    """What a reply says; its fault as an error (Core 5.8.2: a SOAP 1.2 fault with a subcode)."""
    root = read(content) if content.strip() else Element("nothing")
    fault = next(root.every("Fault"), None)
    if fault is not None:
        codes = [one.text.rpartition(":")[2] for one in fault.every("Value")]
        if {"NotAuthorized", "FailedAuthentication", "InvalidSecurity"} & set(codes):
            raise NotAuthorized("the camera refuses the user or the password, or our clocks disagree")
        reason = fault.said("Text") or fault.said("faultstring")
        raise BadReply(f"the camera says no: {' '.join(codes[1:])} {reason}".strip()[:200])
    body = next(root.every("Body"), None)
    if status != 200 or body is None:
        raise BadReply(f"the camera answers HTTP {status} without a word of ONVIF")
    return body


def _token(profile: str) -> str:
    return f"<ProfileToken>{escape(profile)}</ProfileToken>"


def _vector(position: Position) -> str:
    space = quoteattr(_SCHEMA)
    return (
        f'<PanTilt x="{position.pan:.5f}" y="{position.tilt:.5f}" xmlns={space}/>'
        f'<Zoom x="{position.zoom:.5f}" xmlns={space}/>'
    )


def _position(element: Element) -> Position | None:
    place = next((one for name in ("PTZPosition", "Position") for one in element.every(name)), None)
    turn = next(place.every("PanTilt"), None) if place is not None else None
    if place is None or turn is None:
        return None
    zoom = next(place.every("Zoom"), None)
    try:
        return Position(
            float(turn.attributes["x"]),
            float(turn.attributes["y"]),
            float(zoom.attributes.get("x", 0.0)) if zoom is not None else 0.0,
        )
    except (KeyError, ValueError):
        return None
