"""A thermal camera that is asked for pictures, or sends 16-bit video: degrees beside the picture.

- reads: radiometric JPEG, 16-bit PNG or TIFF, bare 16-bit rows over HTTP(S); 16-bit grey video through ffmpeg
- reconnects: not by itself (``camera.py`` does) · times out: 5 s a picture
- tested on the wire: an HTTP server made for the test with real FLIR pictures; ffmpeg with a 16-bit file
- seen on real hardware: not yet
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

import cv2
import numpy as np
from pydantic import Field, model_validator

from detectors.runtime import radiometric
from detectors.runtime.contracts import Celsius, Picture
from detectors.runtime.decoder import Decoder, Monotonic, Shot, address
from gateway.cameras import CameraEntry
from gateway.credentials import Secret, read_secret
from gateway.errors import BadReply, Lost, Misconfigured, Unavailable
from gateway.schema import Duration, Strict
from gateway.web.digest import Digest
from gateway.web.door import Credentials
from gateway.web.post import Server

TIMEOUT_S = 5.0
LARGEST_BYTES = 16 * 1024 * 1024
COLDEST_SPAN_K = 10.0  # a scene of one temperature is not shown as noise


class Settings(Strict):
    """How a camera's temperatures are read: the key ``thermal`` of a camera.

    Attributes:
        form: ``radiometric`` JPEG (FLIR), ``picture`` of 16 bits (PNG, TIFF), bare ``rows`` of 16 bits, or ``video`` of
            16 bits (what ffmpeg decodes to gray16, e.g. raw video over RTSP).
        snapshot: Address of a still picture; default the camera's ``url``.
        period: Between two stills; half a second lets an alarm come within one.
        scale: Degrees of one count.
        offset: Degrees of count 0; 0.01 and -273.15 for hundredths of a kelvin.
        width: Pixels of bare rows.
        height: Likewise.
        order: Their byte order.
    """

    form: Literal["radiometric", "picture", "rows", "video"] = "radiometric"
    snapshot: str = Field(default="", pattern=r"^(https?://[^/@\s]+/\S*)?$")
    period: Duration = Field(default=timedelta(milliseconds=500), ge=timedelta(milliseconds=40))
    scale: float = Field(default=0.01, gt=0)
    offset: float = -273.15
    width: int = Field(default=0, ge=0, le=4096)
    height: int = Field(default=0, ge=0, le=4096)
    order: Literal["little", "big"] = "little"

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if self.form == "rows" and not (self.width and self.height):
            raise ValueError("bare rows do not say how large they are: write width: and height:")
        return self

    def celsius(self, data: bytes) -> Celsius:
        """Degrees of one still; raises BadReply."""
        if self.form == "radiometric":
            return radiometric.from_jpeg(data)
        if self.form == "picture":
            return radiometric.from_picture(data, scale=self.scale, offset=self.offset)
        order = "<" if self.order == "little" else ">"
        return radiometric.from_rows(
            data, self.width, self.height, scale=self.scale, offset=self.offset, order=order
        )


class Stills:
    """Asks for a still each period; to ``camera.py`` it looks like a decoder.

    Args:
        url: Of the still.
        user: Who we are; empty: nobody. password: Ours.
        settings: How it is read.
        clock: For the period.
    """

    def __init__(
        self, url: str, user: str, password: Secret | None, settings: Settings, clock: Monotonic
    ) -> None:
        parts = urlsplit(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._settings = settings
        self._clock = clock
        self._digest = Digest(user, password) if user and password is not None else None
        self._server = Server(
            f"{parts.scheme}://{parts.netloc}",
            credentials=Credentials(None, None),
            connect_s=TIMEOUT_S,
            total_s=TIMEOUT_S,
            largest_bytes=LARGEST_BYTES,
        )
        self._stop = threading.Event()
        self._began: float | None = None
        self._due = clock.monotonic()

    def picture(self, timeout_s: float) -> Shot | None:
        """The next one, when it is due.

        Raises:
            Lost: It did not come, or is none.
        """
        del timeout_s  # a request has its own
        if self._stop.wait(max(0.0, self._due - self._clock.monotonic())):
            return None
        now = self._clock.monotonic()
        self._due = max(self._due + self._settings.period.total_seconds(), now)
        self._began = now if self._began is None else self._began
        data = self._fetch()
        try:
            celsius = self._settings.celsius(data)
        except BadReply as error:
            raise Lost(str(error)) from error
        return Shot(self._shown(data, celsius), now - self._began, celsius)

    def kill(self) -> None:
        """No further picture; from any thread."""
        self._stop.set()
        self._server.close()

    def close(self) -> None:
        """Let go."""
        self.kill()

    def _fetch(self) -> bytes:
        try:
            proof = dict(self._digest.headers("GET", self._target)) if self._digest is not None else {}
            reply = self._server.request("GET", self._target, headers=proof)
            asks = reply.headers.get("www-authenticate", "")
            if reply.status == 401 and self._digest is not None and self._digest.challenged([asks]):
                reply = self._server.request(
                    "GET", self._target, headers=dict(self._digest.headers("GET", self._target))
                )
        except (Unavailable, Misconfigured) as error:
            raise Lost(str(error)) from error
        if reply.status != 200:
            raise Lost(f"the camera answers HTTP {reply.status}")
        return reply.body

    def _shown(self, data: bytes, celsius: Celsius) -> Picture:
        """What people see: the camera's own colours where it sends some, else ours."""
        if self._settings.form == "radiometric":
            try:
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            except cv2.error:
                image = None
            if image is not None:
                return np.asarray(image, np.uint8)
        return rendered(celsius)


class ThermalVideo(Decoder):
    """16-bit grey video: ffmpeg hands over PGM, whose head says how large it is.

    ::

        P5 LF width SP height LF 65535 LF, then 2 bytes a pixel, high byte first (Netpbm, "PGM Format Specification")
    """

    deep = True

    def __init__(
        self, camera: CameraEntry, fps: float, url: Secret, clock: Monotonic, settings: Settings
    ) -> None:
        self._settings = settings
        super().__init__(camera, fps, url, clock)

    def picture(self, timeout_s: float) -> Shot | None:
        """The next one; ``None`` at the end of the stream. Raises Lost."""
        end = self._clock.monotonic() + timeout_s
        head = self._read(2, end)
        if head is None:
            self._ended()
            return None
        while head.count(b"\n") < 3 and len(head) < 40:
            more = self._read(1, end)
            if more is None:
                break
            head += more
        words = bytes(head).split()
        if len(words) != 4 or words[0] != b"P5" or words[3] != b"65535":
            raise Lost("the decoder hands over no 16-bit grey picture")
        width, height = int(words[1]), int(words[2])
        if not 0 < width <= radiometric.LARGEST_SIDE or not 0 < height <= radiometric.LARGEST_SIDE:
            raise Lost(f"{width}x{height} is no size")
        body = self._read(2 * width * height, end)
        if body is None:
            raise Lost("the decoder ended within a picture")
        counts = np.frombuffer(body, ">u2").reshape(height, width)
        celsius = radiometric.linear(
            counts.astype(np.uint16), scale=self._settings.scale, offset=self._settings.offset
        )
        return Shot(rendered(celsius), self._stamp(end), celsius)


def rendered(celsius: Celsius) -> Picture:
    """Degrees in colours, dark blue to yellow, from the coldest to the hottest hundredth of the picture."""
    low, high = (float(value) for value in np.percentile(celsius, (1, 99)))
    span = max(high - low, COLDEST_SPAN_K)
    grey = np.clip((celsius - low) * (255 / span), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), np.uint8)


def open_thermal(
    entry: CameraEntry, settings: Settings, fps: float, clock: Monotonic
) -> Stills | ThermalVideo:
    """What reads a thermal camera; its password is read each time, so that a new file counts.

    Raises:
        SettingsError: The password file is not as it should be.
        Lost: It cannot be opened.
    """
    password = read_secret(entry.password_file, "password_file") if entry.password_file else None
    if settings.form == "video":
        return ThermalVideo(entry, fps, address(entry.looks_at, entry.user, password), clock, settings)
    return Stills(settings.snapshot or entry.looks_at, entry.user, password, settings, clock)
