"""Where the worker's lines go, and where the gateway's words come from: a person's terminal, two pipes, or a socket."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from detectors.runtime.lines import in_words, said, so_far
from detectors.runtime.onvif import Position
from detectors.runtime.worker import Worker
from gateway import systemd
from gateway.errors import BadReply, Fault

AGAIN_S = 1.0  # between two tries to reach the gateway
WIDEST = 78  # cells of the line on which a terminal shows how far it is
LAST_S = 15.0  # for what is written down at the end
EX_SOFTWARE = 70  # <sysexits.h>

_log = logging.getLogger(__name__)


class Mouth:
    """Says lines, for a program or for a person.

    Args:
        out: Where to.
        as_json: For a program.
        gone: Set when nobody listens any more; what is said then is lost, and what is open is still closed properly.
        watched: A terminal on which somebody waits: how far it has come stands there, on one line.
    """

    def __init__(
        self, out: TextIO, gone: threading.Event, *, as_json: bool, watched: TextIO | None = None
    ) -> None:
        self._watched = watched
        self._out = out
        self._as_json = as_json
        self._gone = gone
        self._deaf = False
        self.on_beat: Callable[[], None] = lambda: None
        self.faults = 0

    def __call__(self, line: Mapping[str, Any]) -> None:
        """One line, at once."""
        self.faults += "fault" in line
        if "beat" in line:
            self.on_beat()
        if self._watched is not None:
            self._watched.write("\r\x1b[K" + (so_far(line)[:WIDEST] if "beat" in line else ""))
            self._watched.flush()
        text = said(line) if self._as_json else in_words(line)
        if not text or self._deaf:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError:  # the reader has gone: that is how pipes end
            self._deaf = True
            self._gone.set()
            if self._out is sys.stdout:  # or Python complains at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def fault(self, fault: Fault) -> None:
        """What a person must mend."""
        if self._as_json:
            keys = {"path": fault.path, "line": fault.line, "key": fault.key}
            self({"fault": {**keys, "problem": fault.problem, "remedy": fault.remedy}})
        else:
            sys.stderr.write(f"{fault}\n")
            self.faults += 1


def listen(ears: TextIO, worker: Worker, stop: threading.Event, done: threading.Event | None = None) -> None:
    """What the gateway says after the plan: marks of operators, places to look at. When it has gone, we end.

    Args:
        ears: Where it speaks.
        worker: Who is told.
        stop: Set at the end.
        done: Set when the worker has closed everything; one that hangs in a network does not come to that and is ended.
    """
    try:
        for text in ears:
            try:
                line = json.loads(text)
                if "look" in line:
                    if "id" in line["look"]:  # who names it wants to hear what has become of it
                        worker.glances.ask(dict(line["look"]))
                    else:
                        _turn(worker, line["look"])
                    continue
                mark = line["mark"]
                worker.marks.append((str(mark["camera"]), str(mark["key"]), bool(mark["right"])))
            except (ValueError, KeyError, TypeError):
                _log.warning("not understood line=%.80r", text)
            except BadReply as error:
                _log.warning("not turned reason=%s", error)
    except (OSError, ValueError):
        pass  # closed under us: the same as its end
    stop.set()
    if done is not None and not done.wait(LAST_S):
        _log.error("the worker hangs and is ended")
        os._exit(EX_SOFTWARE)


def _turn(worker: Worker, look: Mapping[str, Any]) -> None:
    """``{"camera": "hill", "place": "gate", "seconds": 30}``, or ``pan``, ``tilt``, ``zoom`` instead of a place."""
    mover = worker.movers[str(look["camera"])]
    seconds = min(600.0, float(look.get("seconds", 30.0)))
    if "place" in look:
        mover.look_at(str(look["place"]), seconds)
    else:
        mover.look_at(
            Position(float(look["pan"]), float(look["tilt"]), float(look.get("zoom", 0.0))), seconds
        )


def alive() -> None:
    """Tell systemd that this unit is not stuck."""
    systemd.notify("WATCHDOG=1")


def reach(path: Path, stop: threading.Event) -> socket.socket | None:
    """A connection to the gateway's socket, tried until it stands; ``None`` when told to stop before."""
    told = False
    while not stop.is_set():
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            channel.connect(str(path))
        except OSError as error:
            channel.close()
            if not told:
                _log.info("waiting for the gateway socket=%s reason=%s", path, error.strerror)
                told = True
            stop.wait(AGAIN_S)
            alive()
        else:
            return channel
    return None
