"""How much one Modbus line brings: 50 units of 20 registers each second, over a real socket. Run by hand.

    python -m tests.bench.modbus_bench [--units 50] [--registers 20] [--period 1.0] [--answer-ms 5] [--seconds 20]

The far end is a process of its own; each answer takes ``--answer-ms`` and the line serves one question at a time, as a
serial line behind a gateway does. Prints frames/s, values/s, seconds of processor per 10 000 values, the stretch of the
periods and how evenly the units were served.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections import Counter
from datetime import timedelta
from multiprocessing.connection import Connection

from drivers.modbus import Driver, Settings
from gateway.clock import SystemClock
from gateway.model import Reading
from gateway.site import load_quantities
from tests.modbus import context, device, model


def far_end(answer_s: float, tell: Connection) -> None:
    """A server that answers every read with 777 after a while, in a process of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readexactly(12)
                if answer_s:
                    await asyncio.sleep(answer_s)
                count = int.from_bytes(request[10:12], "big")
                body = request[6:8] + bytes([2 * count]) + b"\x03\x09" * count
                writer.write(request[:4] + len(body).to_bytes(2, "big") + body)
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def measure(args: argparse.Namespace, port: int) -> dict[str, object]:
    """Poll for a while and count."""
    fields = {f"count_{number}": {"address": number - 1} for number in range(1, args.registers + 1)}
    probe = model(registers=fields, readings={name: {} for name in fields})
    period = timedelta(seconds=args.period)
    devices = [device(f"d{unit}", probe, unit, period) for unit in range(1, args.units + 1)]
    given = context(devices, SystemClock(), load_quantities())
    served: Counter[str] = Counter()
    values = 0
    async with Driver(Settings(host="127.0.0.1", port=port), given) as driver:
        began, cpu, frames, warm = time.monotonic(), time.process_time(), 0, False
        async for delivery in driver.observations():
            if not warm and time.monotonic() - began > args.warm_up:
                warm, began, cpu, frames = True, time.monotonic(), time.process_time(), driver.frames
            if warm:
                served[delivery.observations[0].series.split("/")[0]] += 1  # type: ignore[union-attr]
                values += sum(
                    isinstance(item, Reading) and item.value == 777 for item in delivery.observations
                )
            if warm and time.monotonic() - began > args.seconds:
                break
        seconds, used = time.monotonic() - began, time.process_time() - cpu
        asked = driver.frames - frames
    return {
        "units": args.units,
        "registers": args.registers,
        "period_s": args.period,
        "answer_ms": args.answer_ms,
        "seconds": round(seconds, 1),
        "frames_per_s": round(asked / seconds, 1),
        "values_per_s": round(values / seconds, 1),
        "cpu_s_per_10000_values": round(used / max(values, 1) * 10_000, 2),
        "cpu_of_one_core": round(used / seconds, 3),
        "polls_per_unit": [min(served.values(), default=0), max(served.values(), default=0)],
        "notes": dict(given.health.notes),
        "overdue": given.health.overdue,
        "refused": given.health.refused,
    }


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=50)
    parser.add_argument("--registers", type=int, default=20)
    parser.add_argument("--period", type=float, default=1.0, metavar="S")
    parser.add_argument("--answer-ms", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-up", type=float, default=3.0, metavar="S")
    args = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=far_end, args=(args.answer_ms / 1000, theirs), daemon=True)
    server.start()
    try:
        print(json.dumps(asyncio.run(measure(args, ours.recv()))))  # a bench speaks on the terminal
    finally:
        server.kill()


if __name__ == "__main__":
    main()
