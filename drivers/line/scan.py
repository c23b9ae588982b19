"""Who else is on the line: every unit id asked a harmless question, and what the catalogue thinks of the answers.

A guess is only shown when every value of the model's first request is there, believable, and not all zero: many probes
answer to anything, and a wrong model gives plausible nonsense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.decode.frames import Request, exception_words
from drivers.decode.plan import items_of, plan
from drivers.decode.registers import sample_of, wanted_fields
from drivers.decode.sample import readings_of
from drivers.line.bus import GATEWAY_SILENT, Bus
from drivers.line.settings import Settings
from drivers.line.wire import Answer, NoReply
from gateway.catalogue import DeviceModel
from gateway.contracts import Context, Found
from gateway.model import Reading

PATIENCE_S = 0.2  # reference devices-and-limits.md 4.6: sensors answer within 100 ms or so; a scan must end
MOST_GUESSES = 5
LAST_UNIT = 247  # MODBUS over Serial Line V1.02, section 2.2


@dataclass(frozen=True, slots=True)
class _Question:
    function: int
    start: int
    count: int


async def scan(
    bus: Bus, context: Context, settings: Settings, known: set[int], seconds: float
) -> list[Found]:
    """Ask every unit id that is not in the site file, the usual ones first, for at most so many seconds."""
    models = [
        model for model in context.catalogue.values() if model.wire == "modbus" and _fits(model, settings)
    ]
    end = context.clock.monotonic() + seconds
    heard: dict[int, str] = {}
    for unit, question in _questions(models, known):
        if context.clock.monotonic() >= end:
            break
        if unit in heard:
            continue
        answer = await _ask(bus, unit, question)
        if answer is not None:
            heard[unit] = f"function {question.function}, register {question.start}: {answer}"
    found = []
    for unit, seen in sorted(heard.items()):
        guesses = await _guesses(bus, context, models, unit, end)
        found.append(Found(str(unit), seen, tuple(guesses), _yaml(context.name, unit, guesses)))
    return found


def _questions(models: Iterable[DeviceModel], known: set[int]) -> Iterator[tuple[int, _Question]]:
    """First what each model would be asked where it leaves the factory, then a plain register of everybody.

    Some devices (Yosemitech) are silent when asked for a register they do not list: the plain question is not enough.
    """
    plain = [_Question(3, 0, 1), _Question(4, 0, 1)]
    for model in models:
        unit = model.serial.unit if model.serial else 1
        if unit not in known:
            yield unit, _first(model)
    for question in plain:
        for unit in range(1, LAST_UNIT + 1):
            if unit not in known:
                yield unit, question


async def _ask(bus: Bus, unit: int, question: _Question) -> str | None:
    """What a unit says to a question, in words; ``None`` when it is silent."""
    try:
        answer = await bus.ask(
            Request(unit, question.function, question.start, question.count), timeout_s=PATIENCE_S
        )
    except NoReply as problem:
        if problem.alive and problem.problem not in GATEWAY_SILENT:
            return exception_words(problem.problem)
        return None
    return " ".join(f"{word:04X}" for word in answer.words)


async def _guesses(
    bus: Bus, context: Context, models: Iterable[DeviceModel], unit: int, end: float
) -> list[str]:
    """The models whose registers look right at this unit, most values first."""
    scores: dict[str, int] = {}
    replies: dict[_Question, Answer | None] = {}
    for model in models:
        question = _first(model)
        if question not in replies:
            if context.clock.monotonic() >= end:
                break
            try:
                request = Request(unit, question.function, question.start, question.count)
                replies[question] = await bus.ask(request, timeout_s=PATIENCE_S)
            except NoReply:
                replies[question] = None
        answer = replies[question]
        if answer is not None and any(answer.words):
            score = _score(context, model, answer)
            if score:
                scores[model.model] = score
    return sorted(scores, key=lambda name: (-scores[name], name))[:MOST_GUESSES]


def _score(context: Context, model: DeviceModel, answer: Answer) -> int:
    frame = plan(items_of(model, wanted_fields(model)), model.limits, items_of(model))[0]
    sample = sample_of(model, frame.cut(answer.words))
    readings = readings_of("unknown", model, sample, context.clock.now(), context.quantities)
    return len(readings) if readings and all(_believable(context, item) for item in readings) else 0


def _believable(context: Context, reading: Reading) -> bool:
    if reading.value is None:
        return False
    checks = context.quantities[reading.series.partition("/")[2]].checks
    spans = [span for span in (checks.gross, checks.usual) if span]
    return all(low <= reading.value <= high for low, high in spans)


def _first(model: DeviceModel) -> _Question:
    frame = plan(items_of(model, wanted_fields(model)), model.limits, items_of(model))[0]
    return _Question(frame.function, frame.start, frame.count)


def _fits(model: DeviceModel, settings: Settings) -> bool:
    """On a serial port only what leaves the factory with that port's speed and parity can be meant."""
    if settings.connection != "rtu" or model.serial is None:
        return True
    return (model.serial.baud, model.serial.parity) == (settings.baud, settings.parity)


def _yaml(source: str, unit: int, guesses: list[str]) -> str:
    model = guesses[0] if guesses else "MODEL  # none of the catalogue looks right; see the device's manual"
    others = f"  # or {', '.join(guesses[1:])}" if guesses[1:] else ""
    return f"devices:\n  {source}-{unit}:\n    source: {source}\n    address: {unit}\n    model: {model}{others}\n"
