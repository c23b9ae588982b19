"""What a device sent is what is written down; whether it can be believed stands beside it."""

from __future__ import annotations

from drivers.decode import lorawan
from drivers.decode.sample import readings_of
from gateway.model import Flag
from gateway.quality.grader import Grader
from tests.conftest import NOON
from tests.story.replayed import QUANTITIES


def test_an_impossible_humidity_of_1097_percent_is_decoded_and_flagged(catalogue):
    """The manual's own frame of an LHT65 with 0x2ADA in place of its humidity: the decoder says what it was sent."""
    model = catalogue["dragino-lht65"]
    samples = lorawan.decode(model, bytes.fromhex("cbf60b0d2ada010add7fff"), 2, {}, received=NOON)
    graded = Grader(QUANTITIES, {}).grade_all(readings_of("x", model, samples[0], NOON, QUANTITIES))
    told = {one.series: (one.value, one.flag, one.flagged_by) for one in graded}
    assert told["x/air_rh"] == (1097.0, Flag.FAIL, "gross_range")
    assert told["x/air_temp"] == (28.29, Flag.GOOD, "")
