"""From a LoRaWAN uplink to samples: raw bytes win, the network server's own decoding is only the fallback.

A module beside this one decodes one family of devices and is named by ``decoder:`` in a catalogue file. It has::

    def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]

and raises BadReply, in words, for what it cannot understand. Bytes it does not know at the end of a frame do not
spoil the rest: what was decoded is kept and the diagnostics say ``partial_decode: ...``. A sentinel is ``None`` with
its reason in ``missing``, never a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from drivers.decode import javascript
from drivers.decode.flat import flatten
from drivers.decode.sample import BY_SERVER, Sample
from gateway import plugins
from gateway.catalogue import DeviceModel
from gateway.errors import BadReply, SettingsError

Options = Mapping[str, str | int | float | bool]
Decoder = Callable[[bytes, int | None, Options], list[Sample]]

LONGEST_PAYLOAD = 1024  # LoRaWAN carries at most 242 bytes; the same frames over NB-IoT have a header


def decode(
    model: DeviceModel,
    payload: bytes,
    port: int | None,
    options: Options,
    *,
    catalogue_dirs: Sequence[Path] = (),
    server_object: Mapping[str, Any] | None = None,
    received: datetime | None = None,
) -> list[Sample]:
    """What one uplink says.

    Args:
        model: Of the device that sent it; ``wire: lorawan``.
        payload: Raw application bytes; empty when the server kept them to itself.
        port: fPort; ``None`` or 0 is a frame for the network alone.
        options: Of this device; what it does not say the model says.
        catalogue_dirs: Where vendor codecs may lie; the last folder that has the file wins.
        server_object: What the network server's codec made of it.
        received: When it came, for vendor codecs that ask.

    Returns:
        One sample for each moment in the frame, the present one first. A frame without application data gives one
        sample without fields and the diagnostic ``no_payload``: a sign of life.

    Raises:
        BadReply: It cannot be understood, in words.
    """
    if model.wire != "lorawan":
        raise BadReply(f"{model.model} speaks {model.wire}, not lorawan")
    if not payload and server_object:
        return [_from_server(model, server_object)]
    if not payload or not port:
        return [Sample({}, diagnostics=("no_payload",))]
    if len(payload) > LONGEST_PAYLOAD:
        raise BadReply(f"{len(payload)} bytes are more than any uplink ({LONGEST_PAYLOAD})")
    chosen = {**model.options, **options}
    if model.codec is not None:
        return javascript.run(model.codec, payload, port, chosen, catalogue_dirs, received=received)
    assert model.decoder is not None, "the catalogue lets no lorawan model pass without decoder or codec"
    return _decoder(model.decoder)(payload, port, chosen)


@cache
def _decoder(name: str) -> Decoder:
    """The function of a family; looked up once, for the shelf is a folder on the disk."""
    try:
        module = plugins.load("decoder", name, key="decoder")
    except SettingsError as error:
        raise BadReply(str(error)) from error
    decoder: Decoder = module.decode
    return decoder


def _from_server(model: DeviceModel, server_object: Mapping[str, Any]) -> Sample:
    fields = flatten(server_object)
    for quantity, meaning in model.readings.items():
        name = meaning.field or quantity
        for spelling in meaning.server:
            if name not in fields and spelling in fields:
                fields[name] = fields[spelling]
    return Sample(fields, diagnostics=(BY_SERVER,))
