"""Messages a second through the MQTT driver, by hand: ``python -m tests.bench.mqtt_bench [COUNT]``.

The driver's session is opened and left, COUNT messages of each kind are queued in a real mosquitto, the driver comes back
and takes them all; receipts are settled from another thread in groups of 16, as the journal does. Nothing else runs
meanwhile, so this is the driver with its broker and nothing of the journal.
"""

from __future__ import annotations

import asyncio
import json
import queue
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt import Driver, Settings
from gateway.clock import SystemClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.model import Delivery, Receipt
from gateway.settings import DeviceSettings
from gateway.site import load_catalogue, load_quantities
from tests.servers import free_port, mosquitto

PLAIN = {
    "topic": "village/bin/{device}/data",
    "time": "ts",
    "values": {"fill": "fill", "temp": "air_temp", "batt": "battery_v"},
}
LINES = ("max_queued_messages 0", "max_inflight_messages 500", "max_queued_bytes 0")


def plain(number: int) -> tuple[str, dict[str, Any]]:
    """One message of the peer bench."""
    body = {"seq": number, "t0": 0.5, "ts": 1784368800000 + number, "fill": 50.5, "temp": 21.25, "batt": 3.6}
    return f"village/bin/bin-{number % 50:03d}/data", body


def chirpstack(number: int) -> tuple[str, dict[str, Any]]:
    """One uplink of a bin sensor."""
    eui = f"24e124713b49{number % 50:04x}"
    body = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {"deviceProfileName": "EM310-UDL", "deviceName": "bin", "devEui": eui},
        "devAddr": "00189440",
        "fCnt": number,
        "fPort": 85,
        "data": "AXVcA4JECA==",
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 1, "rssi": -36, "snr": 10.5}],
        "txInfo": {"frequency": 867100000},
    }
    return f"application/17c8/device/{eui}/event/up", body


def fill(port: int, kind: Any, count: int) -> None:
    """Queue the messages in the broker."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="filler")
    client.max_inflight_messages_set(2000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number in range(count):
        topic, body = kind(number)
        last = client.publish(topic, json.dumps(body), qos=1)
    last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def settler(receipts: queue.SimpleQueue[Receipt | None]) -> None:
    """The journal's thread: sixteen at a time."""
    group: list[Receipt] = []
    while (receipt := receipts.get()) is not None:
        group.append(receipt)
        if len(group) == 16 or receipts.empty():
            for one in group:
                one.settle()
            group.clear()


async def drain(driver: Driver, count: int) -> tuple[float, float, int]:
    """Seconds, processor seconds and readings until everything has come."""
    receipts: queue.SimpleQueue[Receipt | None] = queue.SimpleQueue()
    thread = threading.Thread(target=settler, args=(receipts,))
    thread.start()
    readings = 0
    began, used = time.perf_counter(), time.process_time()
    async with driver:
        delivery: Delivery
        number = 0
        async for delivery in driver.observations():
            assert delivery.receipt is not None
            receipts.put(delivery.receipt)
            readings += len(delivery.observations)
            number += 1
            if number == count:
                break
        took = time.perf_counter() - began, time.process_time() - used, readings
    receipts.put(None)
    thread.join()
    return took


async def main(count: int) -> None:
    """Both kinds, both protocols."""
    quantities = load_quantities()
    catalogue = load_catalogue(quantities)
    model = catalogue["milesight-em310-udl"]
    devices = [Device(f"bin-{n:03d}", DeviceSettings(source="b"), None) for n in range(50)]
    for n in range(50):
        settings = DeviceSettings(source="b", model=model.model, address=f"24e124713b49{n:04x}")
        devices.append(Device(f"lora-{n:03d}", settings, model))
    for name, kind in (("plain", plain), ("chirpstack", chirpstack)):
        for protocol in ("5", "3.1.1"):
            with tempfile.TemporaryDirectory() as folder:
                port = free_port()
                with mosquitto(Path(folder), port, *LINES):
                    keys = {"port": port, "protocol": protocol, "listen": ["chirpstack", {"plain": PLAIN}]}
                    context = Context(
                        "b",
                        "s",
                        tuple(devices),
                        quantities,
                        catalogue,
                        SystemClock(),
                        SourceHealth(),
                        Path(folder),
                    )
                    async with Driver(Settings.model_validate(keys), context):
                        pass
                    await asyncio.to_thread(fill, port, kind, count)
                    seconds, used, readings = await drain(
                        Driver(Settings.model_validate(keys), context), count
                    )
                    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    print(  # a bench speaks on the terminal
                        f"{name} MQTT {protocol}: {count / seconds:.0f} messages/s, {readings / seconds:.0f} readings/s, "
                        f"{used / count * 1e4:.2f} CPU s per 10000, peak {peak:.0f} MB, "
                        f"refused {context.health.refused}, duplicates {context.health.duplicates}"
                    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20000))
