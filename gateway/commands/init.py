"""``village init DIR``: a commented site and rules to start from, by a few questions or from flags."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import Fault, SettingsError
from gateway.rulefiles import RULES
from gateway.schema import SLUG
from gateway.site import SITE_FILE, load_site

HELP = "write a commented site (village.yaml, rules/own.yaml) to start from"
EXAMPLE = """
village init my-village
village init /etc/village --slug lishui --name 里水村 --mqtt localhost --modbus /dev/ttyUSB0 --influx http://localhost:8086
"""

_HEAD = """\
# 本村的设置 / The settings of this village. `village check` 检查, `village reload` 生效
# Every time needs its unit (30s, 10min, 2h). `village catalogue` lists the device models.

site:
  slug: {slug}            # 数据库标签, 小写字母数字 / tag in databases and topics
  name: "{name}"
  language: {language}          # zh | en
  timezone: Asia/Shanghai
"""

_MQTT = """\
  broker:               # 网络服务器或网关的 MQTT / the MQTT broker of the network server or bridges
    driver: mqtt
    host: {host}
    port: {port}
    # username: gateway
    # password_file: mqtt-password   # 文件名, 不写密码本身 / a file's name, never the password itself
    listen:
      - chirpstack      # LoRaWAN: chirpstack | tts | milesight
      - zigbee2mqtt
      - tasmota
"""

_MODBUS_TCP = """\
  bus1:                 # RS-485 总线 (TCP 转换器) / an RS-485 bus behind a TCP converter
    driver: modbus
    connection: tcp
    host: {host}
    port: {port}
"""

_MODBUS_RTU = """\
  bus1:                 # RS-485 总线 / an RS-485 bus on a serial adapter
    driver: modbus
    connection: rtu
    port: {device}
    baud: 9600          # 一条总线只有一种速率 / one bus has one speed: see the device's catalogue entry
    parity: N
"""

_DEVICES = """\
devices: {{}}
  # 复制一段, 去掉 # / copy one, remove the #:
  # bin-001:
  #   name: 一号垃圾桶
  #   model: milesight-em400-mud
  #   source: broker
  #   address: 24E124713B492158      # DevEUI
  #   bin: {{empty: 1200 mm, full: 200 mm}}
  # house-001:
  #   name: 老屋东墙
  #   model: milesight-em310-tilt
  #   source: broker
  #   address: 24E124713B000001
  #   tilt: {{zero: [0.12, -0.30]}}    # 测绘时的读数, 度 / reading at the survey, degrees
  # pond-do:
  #   name: 鱼塘溶解氧
  #   model: yosemitech-y504
  #   source: bus1
  #   address: 1                     # Modbus 站号 / unit id
  #   period: 5min
"""

_SINK = """\
sinks:
  influx:               # 不写也行: 本机已存 / optional: everything is stored on this box anyway
    type: influxdb
    url: {url}
    database: village
    # username: gateway
    # password_file: influx-password
"""

_RULES = """\
# 本村自己的规则 / Rules of this village, beside the shipped ones (`village rules list`).
# 同名规则逐项覆盖 / One with the id of a shipped rule changes only what it says. docs/rules.md tells all fields.
version: 1
rules: []
# 复制一段, 去掉 # / copy one, remove the #:
# - id: river-high
#   name: {zh: 河道水位偏高, en: The river is high}
#   source: 村委会, 2023 年洪水 / village committee, flood of 2023
#   for_each: {kind: level}
#   when: {water_level: {above: 2.20 m, clear_below: 2.10 m}}
#   for: 10 min
#   keep: 30 min
#   severity: yellow
#   tell: flood-group
#   scenario:
#   - [0, 1.8, normal]
#   - [10 min, 2.3, pending]
#   - [20 min, 2.3, firing]
#   - [30 min, 1.9, recovering]
#   - [60 min, 1.9, normal]
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("folder", type=Path, help="folder to write into; made if absent")
    parser.add_argument("--slug", help="short name, lower case: the tag in databases")
    parser.add_argument("--name", help="name that people read")
    parser.add_argument("--language", choices=["zh", "en"], help="of texts for people (default zh)")
    parser.add_argument("--mqtt", metavar="HOST[:PORT]", help="the MQTT broker")
    parser.add_argument("--modbus", metavar="HOST[:PORT]|/dev/tty...", help="an RS-485 bus")
    parser.add_argument("--influx", metavar="URL", help="an InfluxDB to forward to")
    parser.add_argument("--yes", action="store_true", help="ask nothing; what is not given is left out")


def run(args: argparse.Namespace) -> int:
    """Ask what is not given (on a terminal), write the file, check it."""
    file = args.folder / SITE_FILE
    if file.exists():
        problem = "exists already"
        raise SettingsError(Fault(str(file), 0, "", problem, "edit it, or name another folder"))
    asking = not args.yes and sys.stdin.isatty()
    slug = _answer(args.slug, asking, "Short name, lower case (tag in databases) / 短名", "village")
    if not re.fullmatch(SLUG, slug):
        raise SettingsError(Fault("", 0, "--slug", f"{slug!r} is not a short name", f"it must match {SLUG}"))
    name = _answer(args.name, asking, "Name that people read / 名称", slug).replace('"', "'")
    mqtt = _answer(args.mqtt, asking, "MQTT broker host[:port], empty for none / MQTT 服务器", "")
    modbus = _answer(
        args.modbus, asking, "RS-485 bus: /dev/ttyUSB0 or host[:port], empty for none / 总线", ""
    )
    influx = _answer(args.influx, asking, "InfluxDB URL, empty for none / InfluxDB 地址", "")
    text = _text(slug, name, args.language or "zh", mqtt, modbus, influx)
    args.folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    rules = args.folder / RULES / "own.yaml"
    if not rules.exists():
        rules.parent.mkdir(exist_ok=True)
        rules.write_text(_RULES, encoding="utf-8")
    load_site(file)
    print(f"written: {file}, {rules}")
    print(f"next: edit it, then  village check {args.folder}  and  village run {args.folder}")
    if mqtt:
        print(f"who is sending?  village discover {args.folder} --mqtt 60s")
    return 0


def _text(slug: str, name: str, language: str, mqtt: str, modbus: str, influx: str) -> str:  # noqa: PLR0917
    parts = [_HEAD.format(slug=slug, name=name, language=language)]
    sources = ""
    if mqtt:
        host, port = _place(mqtt, 1883, "--mqtt")
        sources += _MQTT.format(host=host, port=port)
    if modbus.startswith("/"):
        sources += _MODBUS_RTU.format(device=modbus)
    elif modbus:
        host, port = _place(modbus, 502, "--modbus")
        sources += _MODBUS_TCP.format(host=host, port=port)
    parts.append("sources:\n" + sources if sources else "sources: {}\n")
    parts.append(_DEVICES.format())
    if influx:
        if urlsplit(influx).scheme not in {"http", "https"}:
            problem = f"{influx!r} is not an address"
            raise SettingsError(Fault("", 0, "--influx", problem, "e.g. http://localhost:8086"))
        parts.append(_SINK.format(url=influx))
    return "\n".join(parts)


def _place(text: str, port: int, key: str) -> tuple[str, int]:
    """``host`` or ``host:port``."""
    try:
        parts = urlsplit(f"//{text}")
        if parts.hostname:
            return parts.hostname, parts.port or port
    except ValueError:
        pass
    raise SettingsError(Fault("", 0, key, f"{text!r} is not a host", f"e.g. localhost:{port}"))


def _answer(given: str | None, asking: bool, question: str, default: str) -> str:  # noqa: FBT001
    if given is not None or not asking:
        return default if given is None else given
    shown = f" [{default}]" if default else ""
    return input(f"{question}{shown}: ").strip() or default
