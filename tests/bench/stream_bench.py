"""200 people look at the board's stream: memory, delay and what it costs the daemon.

    python -m tests.bench.stream_bench [--clients 200] [--seconds 30]

Starts a real gateway process on a site of its own, lets it hear 50 bins a second over its simulated source, opens
the streams, and prints the daemon's memory before, with all of them, after half the time and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from gateway import control
from tests.house import gateway, write_site

BINS = 50  # each says distance, temperature, battery ... every second
SITE = (
    "site: {slug: bench, clock: trusted}\napi: {port: 0}\nsources: {sim: {driver: simulated}}\ndevices:\n"
    + "".join(
        f"  bin-{n:02}: {{model: milesight-em400-mud, source: sim, period: 1s, bin: {{empty: 2400 mm, full: 300 mm}}}}\n"
        for n in range(BINS)
    )
)


async def watch(port: int, key: str, seen: list[float], stop: asyncio.Event) -> int:
    """One reader; notes how old each reading was when it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/v1/changes HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )
    taken = 0
    while not stop.is_set():
        try:
            line = await asyncio.wait_for(reader.readline(), 1)
        except TimeoutError:
            continue
        if not line:
            break
        taken += len(line)
        if line.startswith(b"data: {") and b'"age_s"' in line:
            ages = [one["age_s"] for one in json.loads(line[6:]).values()]
            seen.append(min(ages))
    writer.close()
    return taken


def memory(process: psutil.Process) -> float:
    """Resident [MB]."""
    return float(process.memory_info().rss) / 1e6


async def measure(
    port: int, key: str, process: psutil.Process, clients: int, seconds: float
) -> dict[str, Any]:
    """All of them at once."""
    before = memory(process)
    stop, seen = asyncio.Event(), []
    tasks = [asyncio.create_task(watch(port, key, seen, stop)) for _ in range(clients)]
    await asyncio.sleep(5)
    begun, cpu = memory(process), process.cpu_times()
    started = time.monotonic()
    await asyncio.sleep(seconds / 2)
    half = memory(process)
    await asyncio.sleep(seconds / 2)
    end, spent = memory(process), process.cpu_times()
    stop.set()
    taken = await asyncio.gather(*tasks)
    busy = (spent.user + spent.system - cpu.user - cpu.system) / (time.monotonic() - started)
    return {
        "clients": clients,
        "fed": sum(one > 0 for one in taken),
        "rss_mb": {"before": before, "all": begun, "half": half, "end": end},
        "kb_a_client": round((end - before) * 1000 / clients, 1),
        "cpu_share": round(busy, 3),
        "median_age_s": sorted(seen)[len(seen) // 2] if seen else None,
        "bytes": sum(taken),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = write_site(Path(folder) / "v", SITE)
        with gateway(site) as running:
            time.sleep(3)
            made = control.ask(running.state, "/api/v1/tokens", body={"name": "bench", "role": "viewer"})
            address = [line for line in running.log.read_text().splitlines() if "api listening" in line][-1]
            port = int(address.rpartition(":")[2])
            process = psutil.Process(running.process.pid)
            found = asyncio.run(measure(port, made["token"], process, args.clients, args.seconds))
            print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
