"""One connection to an MQTT broker: paho in a thread of its own, acknowledgement in our hands.

Used by the driver (in) and by the sink (out). The thread connects once, reads, writes and keeps alive until the
connection ends; it never reconnects by itself, because who owns the connection decides when (supervise.py, forward.py).
A fresh connection with the same client id finds its session: the broker sends again what was not acknowledged.

paho's own thread is not used: it dies for good when a callback raises, and then still says that it is connected
(reference: reliability-and-security section 0, item 10). Here every way out of the thread ends in ``on_lost``.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.broker import BrokerSettings, TlsContext, tls_context
from gateway.credentials import read_secret
from gateway.errors import Lost, SettingsError

LARGEST_PAYLOAD_BYTES = 64 * 1024  # reference: reliability-and-security, promise P7
LARGEST_PACKET_BYTES = (
    4 * LARGEST_PAYLOAD_BYTES
)  # MQTT 5: the broker keeps larger ones; up to here they are counted
CONNECT_TIMEOUT_S = 5.0
SESSION_EXPIRY_S = 14 * 86400  # as persistent_client_expiration of the shipped broker settings
READS_IN_A_ROW = 200  # then acknowledgements and other outgoing packets get their turn
FAILURE = 0x80  # MQTT 5 section 2.4: a reason code of 0x80 or greater is a failure (SUBACK of 3.1.1: 0x80)

# Reasons why a broker may refuse us today and take us tomorrow (MQTT 5 section 3.2.2.2; the last is 3.1.1's).
_PASSING = {
    "Server unavailable",
    "Server busy",
    "Quota exceeded",
    "Connection rate exceeded",
    "Unspecified error",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came from the broker.

    Attributes:
        topic: Its topic; empty when it was not UTF-8.
        payload: Its bytes; of one that is too large only as much as shows that it is.
        qos: 0 or 1.
        retained: Sent because we subscribed, not because something happened.
        again: The broker has sent it before and has not got our acknowledgement.
        mid: Its number at the broker, for the acknowledgement.
    """

    topic: str
    payload: bytes
    qos: int
    retained: bool
    again: bool
    mid: int


class Connection:
    """One connection, from connect to lost. Every method may be called from any thread and none of them blocks.

    Args:
        settings: Which broker.
        client_id: Who we are.
        filters: What to subscribe to, at QoS 1, as soon as the connection stands.
        forget: What an earlier connection of this session subscribed to and nobody wants any more.
        session: The broker keeps our subscriptions and what is meant for us while we are away.
        on_open: Called from the thread once the broker has taken the subscriptions, with those it refused.
        on_message: Called from the thread for every message. An exception is logged and the message is acknowledged.
        on_lost: Called from the thread exactly once, last, with the reason in words.
        will: Topic and payload that the broker publishes for us, retained, when we are gone without a word.
        full: Asked before reading; while it says True nothing is read and the broker has to wait.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        *,
        filters: Sequence[str] = (),
        forget: Sequence[str] = (),
        session: bool = True,
        on_open: Callable[[Sequence[str]], None],
        on_message: Callable[[Incoming], None],
        on_lost: Callable[[str], None],
        will: tuple[str, bytes] | None = None,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._filters = list(filters)
        self._forget = list(forget)
        self._session = session
        self._on_open = on_open
        self._on_message = on_message
        self._on_lost = on_lost
        self._full = full
        self.misconfigured = False  # a person must act before it can go on: wrong password, missing file
        self._acks: deque[int] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._outgoing: deque[tuple[str, bytes, bool, Callable[[str], None]]] = deque()
        self._window = settings.inflight  # messages of ours on their way at once
        self._subscribing: dict[int, list[str]] = {}
        self._waiting_for: dict[int, Callable[[str], None]] = {}
        self._arrived = 0
        self._reason = ""
        self._opened = False
        self._stopping = False
        self._ended = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._tls: TlsContext | None = None
        self._client = self._new_client(client_id)
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{client_id}", daemon=True)

    def start(self) -> None:
        """Begin; exactly one of ``on_open`` (then later ``on_lost``) or ``on_lost`` will be called."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to the broker and end; unacknowledged messages stay there."""
        self._stopping = True
        self._wake()

    def join(self, seconds: float) -> bool:
        """Wait for the thread (this one blocks); whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def ack(self, mid: int) -> None:
        """The message is safe: tell the broker. Harmless when the connection is gone."""
        self._acks.append(mid)
        self._wake()

    def subscribe(self, filters: Sequence[str]) -> None:
        """Hear more topics."""
        wanted = list(filters)
        if wanted:
            self._soon(lambda: self._subscribe(wanted))

    def publish(self, topic: str, payload: bytes, *, retain: bool, done: Callable[[str], None]) -> None:
        """Send at QoS 1.

        ``done`` is called once, with nothing when the broker has acknowledged, else with the reason in words: it said
        no, or the connection went first.
        """

        def queue() -> None:
            self._outgoing.append((topic, payload, retain, done))
            self._send_waiting()

        self._soon(queue)

    def resume(self) -> None:
        """There is room again: read on."""
        self._wake()

    def _soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        self._wake()
        if self._ended:
            self._run_calls()  # nobody else will any more: the caller learns that it came too late

    def _run_calls(self) -> None:
        while self._calls:
            with contextlib.suppress(IndexError):  # another thread was quicker
                self._calls.popleft()()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: there is nobody left to wake
            self._wake_in.send(b"\0")

    # Everything below runs in the thread.

    def _run(self) -> None:
        try:
            self._connect()
            self._loop()
        except (OSError, ValueError, Lost, SettingsError) as error:
            self.misconfigured = isinstance(error, SettingsError | Lost | ssl.SSLCertVerificationError)
            self._reason = self._reason or _in_words(error, self._settings)
        except Exception as error:  # noqa: BLE001  # the thread's edge: paho may raise anything on a hostile packet
            _log.exception("mqtt thread ended")
            self._reason = self._reason or f"{type(error).__name__}: {error}"
        finally:
            self._close()
            self._on_lost(self._reason or ("stopped" if self._stopping else "the connection ended"))

    def _connect(self) -> None:
        settings = self._settings
        password = read_secret(settings.password_file, "password_file") if settings.password_file else None
        self._client.username_pw_set(settings.username, password.reveal() if password else None)
        if settings.tls is not None:
            self._tls = tls_context(settings.tls)
            self._client.tls_set_context(self._tls)
        host, port = settings.address
        keepalive = int(settings.keepalive.total_seconds())
        if settings.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.ReceiveMaximum = settings.inflight
            properties.MaximumPacketSize = LARGEST_PACKET_BYTES
            if self._session:
                properties.SessionExpiryInterval = SESSION_EXPIRY_S
            self._client.connect(host, port, keepalive, clean_start=not self._session, properties=properties)
        else:
            self._client.connect(host, port, keepalive)

    def _loop(self) -> None:
        poll = select.poll()
        poll.register(self._wake_out, select.POLLIN)
        sock = self._client.socket()
        while sock is not None and not self._stopping:
            reading = not self._full()
            wanted = (select.POLLIN if reading else 0) | (select.POLLOUT if self._client.want_write() else 0)
            poll.register(sock, wanted)
            pending = reading and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            ready = dict(poll.poll(0 if pending else 1000))
            if self._wake_out.fileno() in ready:
                self._wake_out.recv(65536)
            if pending or ready.get(sock.fileno(), 0) & ~select.POLLOUT:
                self._read()
            self._send_acks()
            self._run_calls()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
            sock = self._client.socket()

    def _read(self) -> None:
        for _ in range(READS_IN_A_ROW):
            before = self._arrived
            self._client.loop_read()
            if self._arrived == before or self._full():
                return  # nothing more at hand, or something other than a message: the poll decides

    def _send_waiting(self) -> None:
        """As many as the broker takes at once; paho neither looks at its limit nor lets us change its own."""
        while len(self._waiting_for) < self._window:
            try:
                topic, payload, retain, done = self._outgoing.popleft()
            except IndexError:
                return
            info = None if self._ended else self._client.publish(topic, payload, qos=1, retain=retain)
            if info is None or info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                done(self._reason or "not connected")
            else:
                self._waiting_for[info.mid] = done

    def _send_acks(self) -> None:
        while self._acks and self._client.socket() is not None:
            self._client.ack(self._acks.popleft(), 1)

    def _close(self) -> None:
        try:
            if self._client.socket() is not None:
                self._send_acks()
                self._client.disconnect()
                self._client.loop_write()
        except (OSError, ValueError):
            pass  # a goodbye that cannot be said
        for sock in (self._client.socket(), self._tls.last if self._tls else None):
            if sock is not None:
                sock.close()
        self._wake_in.close()
        self._wake_out.close()
        self._ended = True
        self._run_calls()
        unanswered = [*self._waiting_for.values()]
        self._waiting_for.clear()
        for done in unanswered:
            done(self._reason or "the connection ended")
        self._send_waiting()

    def _new_client(self, client_id: str) -> paho.Client:
        five = self._settings.protocol == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if five else not self._session,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(65535)
        client.max_queued_messages_set(0)
        client.on_socket_open = self._socket_open
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_publish = self._published
        client.on_disconnect = self._disconnected
        return client

    def _socket_open(self, *_: Any) -> None:
        if self._stopping:
            raise Lost("stopped")  # nobody waits any more: do not take the session from a later connection

    def _connected(self, _client: Any, _user: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        allowed = getattr(properties, "ReceiveMaximum", None)  # MQTT 5 section 3.2.2.3.3
        if allowed is not None:
            self._window = min(self._settings.inflight, allowed)
        if code.is_failure:
            self.misconfigured = str(code) not in _PASSING
            self._reason = f"the broker refused us: {code}{_hint(str(code), self._settings)}"
            self._stopping = True
            return
        if self._forget:
            self._client.unsubscribe(self._forget)
        if self._filters:
            self._subscribe(self._filters)
        else:
            self._open([])

    def _subscribe(self, filters: list[str]) -> None:
        five = self._settings.protocol == "5"
        topics: list[Any] = [(name, SubscribeOptions(qos=1) if five else 1) for name in filters]
        _, mid = self._client.subscribe(topics)
        if mid is not None:
            self._subscribing[mid] = filters

    def _subscribed(
        self, _client: Any, _user: Any, mid: int, codes: Sequence[ReasonCode], _properties: Any
    ) -> None:
        filters = self._subscribing.pop(mid, [])
        refused = [name for name, code in zip(filters, codes, strict=False) if code.value >= FAILURE]
        if refused and len(refused) == len(filters) and not self._opened:
            self._reason = f"the broker refused every subscription: {', '.join(refused)}"
            self._stopping = True
        else:
            self._open(refused)

    def _open(self, refused: Sequence[str]) -> None:
        self._opened = True
        self._on_open(refused)

    def _message(self, _client: Any, _user: Any, message: paho.MQTTMessage) -> None:
        self._arrived += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload = bytes(message.payload[: LARGEST_PAYLOAD_BYTES + 1])
        try:
            self._on_message(Incoming(topic, payload, message.qos, message.retain, message.dup, message.mid))
        except Exception:  # noqa: BLE001  # one message must not end the thread for all (reference item 10)
            _log.exception("message could not be handed over topic=%.120r", topic)
            self._client.ack(message.mid, message.qos)

    def _published(self, _client: Any, _user: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        done = self._waiting_for.pop(mid, None)
        if done is not None:
            done(f"the broker said: {code}" if code.value >= FAILURE else "")
        self._send_waiting()

    def _disconnected(self, _client: Any, _user: Any, flags: Any, code: ReasonCode, _properties: Any) -> None:
        who = (
            "the broker closed the connection"
            if flags.is_disconnect_packet_from_server
            else "connection lost"
        )
        self._reason = self._reason or ("stopped" if self._stopping else f"{who}: {code}")


def _hint(code: str, settings: BrokerSettings) -> str:
    if "protocol" in code.lower() and settings.protocol == "5":
        return "; write protocol: 3.1.1"
    return ""


def _in_words(error: Exception, settings: BrokerSettings) -> str:
    if isinstance(error, Lost | SettingsError):
        return str(error)
    host, port = settings.address
    return f"{host}:{port}: {getattr(error, 'strerror', None) or error}"
