"""The site, as ``village.yaml`` says.

Pure: reading the file is ``files.py``'s work. What belongs to one driver or sink (its host, its topics) is left as it
stands here and checked by that module's own ``Settings``; see ``site.py``.
"""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ConfigDict, Field, field_validator, model_validator

from gateway.outputs import Output
from gateway.people import DutySettings, Person
from gateway.places import Cell
from gateway.quantities import Checks
from gateway.schema import Duration, LengthM, LengthMm, Size, Slug, Strict
from gateway.terms import OrderSettings


class SiteSettings(Strict):
    """Who and where this box is.

    Attributes:
        slug: Tag ``site`` in every database and topic.
        name: What people read.
        language: Of texts for people.
        timezone: IANA name; days and holidays are local, everything inside is UTC.
        clock: ``auto`` believes the wall clock once NTP or a battery clock vouches for it; ``trusted`` always (the host
            of a container sets it, or a GPS receiver).
        lat: Degrees north, WGS 84.
        lon: Degrees east, WGS 84.
        map: The site's own map, a PNG or JPEG beside the site file; every ``point`` is a place on it.
    """

    slug: Slug
    name: str = ""
    language: Literal["zh", "en"] = "zh"
    timezone: str = "Asia/Shanghai"
    clock: Literal["auto", "trusted"] = "auto"
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    map: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(png|jpg|jpeg)$")

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"unknown time zone {name!r}; write an IANA name such as Asia/Shanghai")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)


class Bin(Strict):
    """The geometry that turns a distance into how full a bin is (reference: sensor face downwards).

    Attributes:
        empty: Sensor face to the floor of the empty bin, measured at installation.
        full: Sensor face to the line that counts as full.
        blind: The sensor's blind zone; nothing nearer can be measured. Default: the model's own.
        shape: Optional table of [distance, fill %] pairs for a tapered bin, nearest first; else linear.
    """

    empty: LengthMm
    full: LengthMm = 0.0
    blind: LengthMm | None = None
    shape: list[tuple[LengthMm, float]] | None = None

    @model_validator(mode="after")
    def _deep_enough(self) -> Bin:
        if self.empty <= max(self.full, self.blind or 0.0):
            raise ValueError(f"empty ({self.empty:g} mm) must be further away than full and the blind zone")
        return self


class Level(Strict):
    """How a distance or a depth becomes a level above the datum.

    Attributes:
        datum: Height of the sensor face (looking down) or of the probe (hydrostatic) above the local zero.
        looks: ``down`` for radar and ultrasonic (level = datum - distance), ``up`` for a probe (datum + depth).
    """

    datum: LengthM
    looks: Literal["down", "up"] = "down"


class Tilt(Strict):
    """What a tilt sensor is compared with.

    Attributes:
        zero: x and y [deg] of the sensor when the surveyor was there; unset: the median of the first day.
        surveyed: Absolute lean of the building at that moment, x and y [deg], by a qualified body.
        temperature_coefficient: Apparent tilt per kelvin, x and y [deg/K].
        reference_temperature: Temperature at ``zero`` [degC].
    """

    zero: tuple[float, float] | None = None
    surveyed: tuple[float, float] | None = None
    temperature_coefficient: tuple[float, float] = (0.0, 0.0)
    reference_temperature: float = 20.0


class DeviceSettings(Strict):
    """One sensor, as the technician wired it.

    Attributes:
        model: Name of a catalogue file; unset for a device whose quantities the source maps by itself.
        source: Which of ``sources`` hears it.
        address: What names it there: DevEUI, Zigbee friendly name, Tasmota topic, Modbus unit id, ...
        name: What people read.
        enabled: False keeps the entry but neither reads nor expects it.
        period: How often it is read (polled) or should report; default the model's.
        bin: Makes ``fill`` from ``distance``.
        level: Makes ``water_level`` from ``distance`` or ``water_depth``.
        tilt: Makes ``tilt_delta`` from ``tilt_x`` and ``tilt_y``.
        checks: Per quantity, what the grader holds against it here.
        options: For the model's decoder, e.g. the firmware that decides a layout.
        cell: Which part of the village answers for it.
        role: Who there is told first, e.g. cleaner; unset: whoever is on duty for the cell.
        tags: What rules ask for: river, drinking, class-2, a zone ...
        lat: Degrees north. lon: Degrees east.
        point: Or its place on the site's own map image, pixels to the right and down.
    """

    model: str | None = None
    source: str
    address: str | int = ""
    name: str = ""
    enabled: bool = True
    period: Duration | None = None
    bin: Bin | None = None
    level: Level | None = None
    tilt: Tilt | None = None
    checks: dict[str, Checks] = Field(default_factory=dict)
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    cell: Slug | None = None
    role: Slug | None = None
    tags: list[Slug] = Field(default_factory=list)
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    point: tuple[float, float] | None = None

    @field_validator("period")
    @classmethod
    def _some_time(cls, period: timedelta | None) -> timedelta | None:
        if period is not None and period < timedelta(milliseconds=100):
            raise ValueError("a period is at least 100ms")
        return period


class StoreSettings(Strict):
    """The journal on disk.

    Attributes:
        quota: Most bytes of readings kept; the oldest routine readings go first. Default half of what was free at the
            first start, at most 4 GB.
        commit: ``group`` commits 16 deliveries or 200 ms together; ``each`` commits every delivery by itself.
        group_time: Longest wait of a group.
        group_deliveries: Most deliveries of a group that is not already late.
        clock_patience: How long readings wait for a trusted clock before they go out with their doubtful time.
    """

    quota: Size | None = Field(default=None, ge=1_000_000)
    commit: Literal["group", "each"] = "group"
    group_time: Duration = timedelta(milliseconds=200)
    group_deliveries: int = Field(default=16, ge=1, le=10_000)
    clock_patience: Duration = timedelta(minutes=10)


class SessionSettings(Strict):
    """How long somebody stays signed in.

    Attributes:
        idle: Operators and admins, after their last request (reliability-and-security 5: 30 min).
        idle_worker: Viewers and workers: a screen on the wall, a telephone in the field.
        longest: Everybody, whatever they do.
    """

    idle: Duration = timedelta(minutes=30)
    idle_worker: Duration = timedelta(days=7)
    longest: Duration = timedelta(days=30)


class TlsSettings(Strict):
    """Files with the certificate (and those above it) and its key, PEM; a relative path begins at the site file."""

    certificate: str
    key: str


class ApiSettings(Strict):
    """The daemon's HTTP endpoint: API, board, metrics.

    Attributes:
        host: Address to listen on; loopback unless ``lan`` says otherwise.
        port: 0 takes any free one.
        lan: Yes, other machines may reach it.
        hosts: Names under which people reach it, beside its address, ``localhost``, ``village`` and the machine's name;
            requests for any other name are refused (DNS rebinding).
        proxy: A proxy on this machine stands before it: believe who it says has asked, and over what.
        tls: Speak https.
        sessions: How long somebody stays signed in.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8480, ge=0, le=65535)
    lan: bool = False
    hosts: list[Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]] = Field(
        default_factory=list
    )
    proxy: bool = False
    tls: TlsSettings | None = None
    sessions: SessionSettings = SessionSettings()

    @model_validator(mode="after")
    def _meant(self) -> ApiSettings:
        if not (self.lan or self.host == "localhost" or _is_loopback(self.host)):
            raise ValueError(
                f"host {self.host} can be reached by other machines; if that is meant, write lan: true beside it, and a"
                " certificate under tls: where you have one"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class BoardSettings(Strict):
    """The village board.

    Attributes:
        public: Whoever reaches the address may look, without signing in; nothing can be changed so, and no picture of
            a camera is shown.
    """

    public: bool = False


class AnswerSettings(Strict):
    """How people answer without an app.

    Attributes:
        page: Address of the page for codes (``/a`` of this box) as people reach it; stands in the messages when set.
    """

    page: str | None = Field(default=None, pattern=r"^https?://[\x21-\x7e]{1,200}$")


class RulesSettings(Strict):
    """What this site does with the shipped rules; its own rules lie in ``rules/*.yaml`` beside the site file.

    Attributes:
        disable: Ids that are not judged here.
        enable: Ids that are shipped switched off and judged here all the same.
        holidays: Days off, for rules that look at the calendar.
    """

    disable: list[Slug] = Field(default_factory=list)
    enable: list[Slug] = Field(default_factory=list)
    holidays: list[date] = Field(default_factory=list)


class ReportSettings(Strict):
    """Who gets the weekly and monthly report (``village report --mail``, by the timers of ``systemd/``).

    Attributes:
        channel: Name of a mail channel of this site.
        to: Mail addresses.
        language: Of the report; unset: the site's.
    """

    channel: Slug = "mail"
    to: list[str] = Field(default_factory=list, repr=False)
    language: Literal["zh", "en"] | None = None


class PluginSettings(Strict):
    """A source or sink whose other keys its own module checks."""

    model_config = ConfigDict(extra="allow", frozen=True)


class SourceSettings(PluginSettings):
    """One entry of ``sources``: ``driver`` names the file under ``drivers/``."""

    driver: str


class SinkSettings(PluginSettings):
    """One entry of ``sinks``: ``type`` names the file under ``gateway/store/sinks/``."""

    type: str


class ChannelSettings(PluginSettings):
    """One entry of ``channels``: ``type`` names the file under ``gateway/notify/channels/``."""

    type: str


class Pace(Strict):
    """How fast a sink is fed, and in what portions; every sink's ``Settings`` begins with these.

    Attributes:
        batch: Most journal entries in one request; what is new waits at most for one request of what is old.
        backlog_rate: Most entries per second that are sent from the backlog; what is new goes first and is not limited.
        gather: How long to collect after the first news. 0 sends at once; a database on the same SD card writes far
            less with 5s (storage-and-dashboards 2.3).
    """

    batch: int = Field(default=1000, ge=1, le=5000)
    backlog_rate: float = Field(default=5000.0, gt=0)
    gather: Duration = timedelta(0)


class Village(Strict):
    """The whole of ``village.yaml``."""

    site: SiteSettings
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()
    board: BoardSettings = BoardSettings()
    rules: RulesSettings = RulesSettings()
    sources: dict[Slug, SourceSettings] = Field(default_factory=dict)
    devices: dict[Slug, DeviceSettings] = Field(default_factory=dict)
    cells: dict[Slug, Cell] = Field(default_factory=dict)
    people: dict[Slug, Person] = Field(default_factory=dict)
    duty: DutySettings = DutySettings()
    orders: OrderSettings = OrderSettings()
    answers: AnswerSettings = AnswerSettings()
    outputs: dict[Slug, Output] = Field(default_factory=dict)
    sinks: dict[Slug, SinkSettings] = Field(default_factory=dict)
    channels: dict[Slug, ChannelSettings] = Field(default_factory=dict)
    reports: ReportSettings = ReportSettings()


def own_keys(plugin: PluginSettings) -> dict[str, Any]:
    """The keys that belong to the plug-in's own ``Settings``."""
    return dict(plugin.model_extra or {})
