"""The process in which vendor codecs run: nothing in, nothing out but one pipe, and little memory.

Started by ``javascript.py`` with ``python -I``; imports nothing of this house. Each request and each answer is a
4-byte big-endian length and that many bytes of JSON. It ends when its input ends.

QuickJS itself stops loops and recursion, but not every built-in: ``new Array(2**32-1).sort()`` runs for ever inside C.
Only a process that can be killed keeps such a script from the gateway.
"""

from __future__ import annotations

import contextlib
import json
import resource
import struct
import sys
import time
from typing import Any, BinaryIO

import quickjs

MEMORY_BYTES = 8 * 1024 * 1024
STACK_BYTES = 256 * 1024
CPU_SECONDS = 0.25
LAST_SECONDS = 5  # the gateway kills after one second of wall time
PROCESS_BYTES = 512 * 1024 * 1024  # address space, most of it Python's own mappings

# What is asked of the codec. Numbers that are none stay visible as words; JSON would turn them into null.
CALL = """
(function (text) {
  if (typeof decodeUplink !== 'function') throw new Error('there is no function decodeUplink');
  var input = JSON.parse(text);
  if (input.recvTime) input.recvTime = new Date(input.recvTime);
  var result = decodeUplink(input);
  if (result === null || typeof result !== 'object' || Array.isArray(result))
    throw new Error('decodeUplink returned no object');
  var seen = JSON.stringify(result, function (key, value) {
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'number' && !isFinite(value)) return String(value);
    return value;
  });
  if (typeof seen !== 'string') throw new Error('decodeUplink returned no object');
  return seen;
})
"""


def main() -> None:
    """Answer requests until there are none left."""
    _lock_down()
    pipe_in, pipe_out = sys.stdin.buffer, sys.stdout.buffer
    while (request := _receive(pipe_in)) is not None:
        try:
            _ration()
            answer = {"result": _call(request["source"], request["input"])}
        except Exception as error:  # noqa: BLE001  # the edge of the worker: a script can make QuickJS raise anything
            answer = {"error": _first_line(error)}
        body = json.dumps(answer).encode()
        pipe_out.write(struct.pack(">I", len(body)) + body)
        pipe_out.flush()


def _call(source: str, given: str) -> str:
    context = quickjs.Context()
    context.set_memory_limit(MEMORY_BYTES)
    context.set_max_stack_size(STACK_BYTES)
    context.set_time_limit(CPU_SECONDS)
    context.eval(source)
    result = context.eval(CALL)(given)
    if not isinstance(result, str):
        raise TypeError("decodeUplink returned no object")
    return result


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines and lines[0] != "null" else "it ran out of memory or threw null"


def _receive(pipe: BinaryIO) -> dict[str, Any] | None:
    head = pipe.read(4)
    if len(head) < 4:
        return None
    request: dict[str, Any] = json.loads(pipe.read(struct.unpack(">I", head)[0]))
    return request


def _ration() -> None:
    """End this process by itself soon after the gateway should have killed it (and perhaps died before it could)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + LAST_SECONDS, hard))


def _lock_down() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, PROCESS_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is already set: even better
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main()
