"""What systemd wants to hear: ready, still working, stopping (sd_notify(3)); silent when nobody listens."""

from __future__ import annotations

import os
import socket


def notify(*states: str) -> bool:
    """Send lines such as ``READY=1`` to the supervisor of this process.

    Returns:
        Whether anybody is there to hear it (``$NOTIFY_SOCKET`` is set and takes the message).
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # an abstract socket, as unix(7) writes it
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)  # a listener that does not read must not stop the house
        try:
            channel.sendto("\n".join(states).encode(), address)
        except OSError:
            return False
    return True


def watchdog_period_s() -> float | None:
    """How long systemd waits for ``WATCHDOG=1`` before it kills us; ``None`` when it does not watch this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdigit() and int(text) > 0 else None
