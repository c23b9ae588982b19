"""From whole frames of makers' own serial protocols to samples: what is on RS-485 and is neither Modbus nor text.

A module beside this one decodes one protocol and is named by ``decoder:`` in a catalogue file of ``wire: serial``. It
has::

    def decode(frame: bytes, options: Options) -> Sample

and raises BadReply, in words, for what it cannot understand.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode.sample import Sample
from gateway import plugins
from gateway.catalogue import DeviceModel
from gateway.errors import BadReply, SettingsError

Options = Mapping[str, str | int | float | bool]


def decode(model: DeviceModel, frame: bytes, options: Options) -> Sample:
    """What one frame says.

    Args:
        model: Of the device; ``wire: serial``.
        frame: From the first byte to the checksum.
        options: Of this device; what it does not say the model says.

    Raises:
        BadReply: It cannot be understood, in words.
    """
    if model.wire != "serial" or model.decoder is None:
        raise BadReply(f"{model.model} speaks {model.wire}, not a serial protocol of its maker")
    try:
        module = plugins.load("serial", model.decoder, key=f"{model.model}.decoder")
    except SettingsError as error:
        raise BadReply(str(error)) from error
    sample: Sample = module.decode(frame, {**model.options, **options})
    return sample
