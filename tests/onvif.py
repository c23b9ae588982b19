"""An ONVIF device for tests: answers as the specifications say, turns in its own time, misbehaves on demand.

It checks the proof by itself (OASIS UsernameToken digest, nonce used once, time within its own clock), so that a mistake
of ours is seen.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

USER, PASSWORD = "turner", 'all <round> & "about"'
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
PRESETS = {
    "1": ("gate", -0.9, 0.0, 0.0),
    "2": ("slope {north}", -0.2, 0.1, 0.3),
    "3": ("school", 0.6, -0.1, 0.0),
}


@dataclass
class FakeOnvif:
    """The device.

    Attributes:
        skew: Of its clock. silent: It says neither where it is nor whether it moves. lying: It says IDLE while it moves.
        step: How far it turns between two questions. refuse: Presets that it does not reach.
        say: Requests that are answered with this (status, body) instead.
    """

    skew: timedelta = timedelta(0)
    silent: bool = False
    lying: bool = False
    step: float = 0.4
    now: datetime = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
    refuse: set[str] = field(default_factory=set)
    say: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    position: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    goal: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    nonces: set[str] = field(default_factory=set)
    http_digest: bool = False
    url: str = ""

    def turn(self) -> bool:
        """One moment later; whether it still moves."""
        for axis in range(3):
            way = self.goal[axis] - self.position[axis]
            self.position[axis] += max(-self.step, min(self.step, way))
        return self.position != self.goal

    def answer(self, body: bytes, authorization: str) -> tuple[int, bytes, dict[str, str]]:
        if self.http_digest and not authorization:
            return (
                401,
                b"",
                {"WWW-Authenticate": 'Digest realm="onvif", nonce="n1", qop="auth", algorithm=MD5'},
            )
        self.bodies.append(body)
        root = ElementTree.fromstring(body)
        request = root.find(f"{SOAP}Body")[0]
        name = request.tag.rpartition("}")[2]
        self.asked.append(name)
        if name in self.say:
            return *self.say[name], {}
        if name != "GetSystemDateAndTime" and not self.believes(root):
            return 400, fault("s:Sender", "ter:NotAuthorized", "Sender not Authorized"), {}
        content = getattr(
            self, f"on_{name.lower()}", lambda request: fault("s:Receiver", "ter:ActionNotSupported", name)
        )(request)
        return (500 if b"Fault" in content else 200), content, {}

    def believes(self, root: ElementTree.Element) -> bool:
        token = root.find(f".//{WSSE}UsernameToken")
        if token is None:
            return False
        nonce, created = token.findtext(f"{WSSE}Nonce", ""), token.findtext(f"{WSU}Created", "")
        wanted = base64.b64encode(
            hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()
        )
        age = abs(datetime.fromisoformat(created) - (self.now + self.skew))
        fresh = nonce not in self.nonces and age < timedelta(seconds=60)
        self.nonces.add(nonce)
        right = token.findtext(f"{WSSE}Password", "").encode() == wanted
        return fresh and right and token.findtext(f"{WSSE}Username") == USER

    def on_getsystemdateandtime(self, request: object) -> bytes:
        at = self.now + self.skew
        return enveloped(
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute><tt:Second>{at.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def on_getservices(self, request: object) -> bytes:
        services = {
            "http://www.onvif.org/ver10/media/wsdl": "Media",
            "http://www.onvif.org/ver20/ptz/wsdl": "PTZ",
        }
        told = "".join(  # an address of another network, as behind a router: only its path may be used
            f"<tds:Service><tds:Namespace>{space}</tds:Namespace><tds:XAddr>http://10.9.8.7/onvif/{name}</tds:XAddr></tds:Service>"
            for space, name in services.items()
        )
        return enveloped(f"<tds:GetServicesResponse>{told}</tds:GetServicesResponse>")

    def on_getprofiles(self, request: object) -> bytes:
        return enveloped(
            '<trt:GetProfilesResponse><trt:Profiles token="still"><tt:Name>fixed</tt:Name></trt:Profiles>'
            '<trt:Profiles token="main&amp;1"><tt:Name>mainStream</tt:Name><tt:PTZConfiguration token="p"/></trt:Profiles>'
            "</trt:GetProfilesResponse>"
        )

    def on_getpresets(self, request: ElementTree.Element) -> bytes:
        assert request.findtext("{http://www.onvif.org/ver20/ptz/wsdl}ProfileToken") == "main&1"
        told = "".join(
            f'<tptz:Preset token="{token}"><tt:Name>{name}</tt:Name>'
            + ("" if self.silent else f"<tt:PTZPosition>{vector(*place)}</tt:PTZPosition>")
            + "</tptz:Preset>"
            for token, (name, *place) in PRESETS.items()
        )
        return enveloped(f"<tptz:GetPresetsResponse>{told}</tptz:GetPresetsResponse>")

    def on_getstatus(self, request: object) -> bytes:
        moving = self.turn()
        state = "IDLE" if self.lying or not moving else "MOVING"
        where = (
            ""
            if self.silent
            else f"<tt:Position>{vector(*self.position)}</tt:Position><tt:MoveStatus><tt:PanTilt>{state}</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus>"
        )
        return enveloped(
            f"<tptz:GetStatusResponse><tptz:PTZStatus>{where}<tt:UtcTime>x</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>"
        )

    def on_gotopreset(self, request: ElementTree.Element) -> bytes:
        token = request.findtext("{http://www.onvif.org/ver20/ptz/wsdl}PresetToken", "")
        if token in self.refuse or token not in PRESETS:
            return fault("s:Sender", "ter:NoToken", "The preset does not exist")
        self.goal = list(PRESETS[token][1:])
        return enveloped("<tptz:GotoPresetResponse/>")

    def on_absolutemove(self, request: ElementTree.Element) -> bytes:
        turn, zoom = (
            request.find(".//{http://www.onvif.org/ver10/schema}PanTilt"),
            request.find(".//{http://www.onvif.org/ver10/schema}Zoom"),
        )
        self.goal = [float(turn.get("x")), float(turn.get("y")), float(zoom.get("x"))]
        return enveloped("<tptz:AbsoluteMoveResponse/>")

    def on_continuousmove(self, request: ElementTree.Element) -> bytes:
        assert request.findtext("{http://www.onvif.org/ver20/ptz/wsdl}Timeout", "").startswith("PT")
        self.goal = [1.0, 0.0, 0.0]
        return enveloped("<tptz:ContinuousMoveResponse/>")

    def on_stop(self, request: object) -> bytes:
        self.goal = list(self.position)
        return enveloped("<tptz:StopResponse/>")

    def on_getstreamuri(self, request: object) -> bytes:
        return enveloped(
            "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://192.168.1.64/Streaming/101</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
        )


def vector(pan: float, tilt: float, zoom: float) -> str:
    return f'<tt:PanTilt x="{pan}" y="{tilt}" space="http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"/><tt:Zoom x="{zoom}"/>'


def enveloped(body: str) -> bytes:
    spaces = {
        "s": "http://www.w3.org/2003/05/soap-envelope", "tds": "http://www.onvif.org/ver10/device/wsdl", "trt": "http://www.onvif.org/ver10/media/wsdl",
        "tptz": "http://www.onvif.org/ver20/ptz/wsdl", "tt": "http://www.onvif.org/ver10/schema", "ter": "http://www.onvif.org/ver10/error",
    }  # fmt: skip
    told = " ".join(f'xmlns:{name}="{space}"' for name, space in spaces.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {told}><s:Body>{body}</s:Body></s:Envelope>'.encode()


def fault(code: str, subcode: str, reason: str) -> bytes:
    return enveloped(
        f"<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>'
    )


@contextlib.contextmanager
def fake_onvif(device: FakeOnvif) -> Iterator[FakeOnvif]:
    """Serves it until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content, headers = device.answer(body, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    device.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield device
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
