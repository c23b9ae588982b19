"""The three ways to an output: a coil of a running line, a topic, a box that takes a POST.

One act and its answer; who knows a way knows nothing of durations, interlocks or retries. A coil goes through the
driver that owns the line: an RS-485 bus has one master.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from gateway.clock import Clock
from gateway.contracts import Act, Actuator, CoilWriter
from gateway.errors import BadReply, Broken, Lost, Retry, SettingsError
from gateway.notify.channels.mqtt import Settings as MqttSettings
from gateway.notify.channels.mqtt import publish
from gateway.notify.provider import Provider, needed_secret
from gateway.outputs import Output

HTTP_S = 10.0
Find = Callable[[str], object]  # the running driver of a source; nothing while it is not open


class Coil:
    """A coil on a line."""

    def __init__(self, output: Output, find: Find) -> None:
        self._output = output
        self._find = find

    async def act(self, act: Act) -> str:
        """Write it and read it back, as the line's own list of writes says."""
        output = self._output
        assert output.source is not None
        assert output.unit is not None
        assert output.address is not None
        driver = self._find(output.source)
        if driver is None:
            raise Retry(f"source {output.source} is not open")
        if not isinstance(driver, CoilWriter):
            raise Broken(f"source {output.source} cannot switch anything")
        value = int(act.on is not output.inverted)
        try:
            await driver.write(output.unit, output.address, value, "coil")
        except SettingsError as error:
            raise Broken(str(error)) from error
        except (BadReply, Lost) as error:
            raise Retry(str(error)) from error
        return f"unit {output.unit} coil {output.address} = {value}"


class Topic:
    """A siren box, a loudspeaker or a screen that hears a topic."""

    def __init__(self, output: Output, broker: MqttSettings) -> None:
        self._output = output
        self._broker = broker

    async def act(self, act: Act) -> str:
        """Publish it and wait until the broker has it."""
        assert self._output.topic is not None
        name = f"village-output-{secrets.token_hex(4)}"
        await asyncio.to_thread(publish, self._broker, name, self._output.topic, _payload(self._output, act))
        return f"the broker has it ({self._output.topic})"


class Post:
    """A box that takes a POST."""

    def __init__(self, output: Output, clock: Clock) -> None:
        assert output.url is not None
        self._output = output
        base, _, path = output.url.partition("://")[2].partition("/")
        self._path = f"/{path}"
        self._provider = Provider(f"{output.url.partition('://')[0]}://{base}", clock, total_s=HTTP_S)

    async def act(self, act: Act) -> str:
        """Post it; anything but 2xx is a no."""
        headers = {
            "Content-Type": "application/json" if self._output.on is None else "text/plain; charset=utf-8"
        }
        hide = []
        if self._output.token_file is not None:
            token = needed_secret(self._output.token_file, "token_file")
            headers["Authorization"] = f"Bearer {token.reveal()}"
            hide = [token]
        body = _payload(self._output, act)
        answer = await asyncio.to_thread(
            self._provider.ask, self._path, body=body, headers=headers, hide=hide
        )
        if not answer.good:
            raise answer.fault()
        return answer.words or "ok"


def actuator(output: Output, *, find: Find, channels: dict[str, Any], clock: Clock) -> Actuator:
    """The way to an output.

    Args:
        output: As the site file says.
        find: The running driver of a source.
        channels: Name -> settings of the site's channels.
        clock: The house's.
    """
    match output.kind:
        case "modbus_coil":
            return Coil(output, find)
        case "mqtt":
            assert output.channel is not None
            return Topic(output, channels[output.channel])
        case "http":
            return Post(output, clock)


def _payload(output: Output, act: Act) -> bytes:
    given = output.on if act.on else output.off
    if given is not None:
        return given.encode()
    said = {"id": act.id, "on": act.on, "text": act.text, "for_s": act.for_s}
    return json.dumps(said, ensure_ascii=False).encode()
