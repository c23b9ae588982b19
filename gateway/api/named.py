"""The shapes that several answers share, by name."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.api.shapes import (
    ANY,
    BOTH,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    TRUTH,
    Shape,
    either,
    listing,
    mapping,
    named,
    one_of,
    or_null,
    record,
)  # fmt: skip

FLAG = one_of("GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING")
SEVERITY = one_of("info", "blue", "yellow", "orange", "red")
ROLE = one_of("viewer", "worker", "operator", "admin")
MASK = one_of("suppressed", "shelved", "quiet", "maintenance", "flapping", "flood")
POINT = or_null(listing(NUMBER))

NAMED: Mapping[str, Shape] = {
    "Error": record({"key": TEXT, "remedy": TEXT, "faults": listing(TEXT), "details": listing(OBJECT)}, error=TEXT),
    "Session": record(
        user=TEXT, name=TEXT, role=ROLE, person=or_null(TEXT), language=one_of("zh", "en"), csrf=TEXT, must_change=TRUTH
    ),
    "Reading": record(value=or_null(NUMBER), at=TIME, age_s=NUMBER, flag=FLAG, flagged_by=TEXT),
    "Cell": record(
        kind=one_of("micro", "grid", "village", "township"), name=TEXT, parent=or_null(TEXT),
        lat=or_null(NUMBER), lon=or_null(NUMBER), point=POINT,
    ),
    "Device": record(
        name=TEXT, kind=or_null(TEXT), model=or_null(TEXT), source=TEXT, cell=or_null(TEXT), role=or_null(TEXT),
        tags=listing(TEXT), lat=or_null(NUMBER), lon=or_null(NUMBER), point=POINT, period_s=NUMBER, enabled=TRUTH,
    ),
    "Quantity": record(unit=TEXT, title=BOTH, kind=one_of("gauge", "counter", "state"), digits=INTEGER),
    "Told": record(
        more=True, person=TEXT, channel=TEXT, kind=TEXT, level=INTEGER, state=TEXT, not_before=or_null(TIME),
        settled_at=or_null(TIME), attempts=INTEGER, why=TEXT,
    ),
    "Alert": record(
        {
            "limit": or_null(NUMBER), "reason_zh": TEXT, "changed": TIME, "unknown": TRUTH, "tell": listing(TEXT),
            "code": ANY, "steps": ANY,
        },
        more=True,
        id=TEXT, rule=TEXT, target=TEXT, device=TEXT, name=TEXT, title=BOTH,
        state=one_of("normal", "pending", "firing", "recovering", "latched"), severity=SEVERITY,
        value=or_null(NUMBER), unit=or_null(TEXT), reason=TEXT, since=or_null(TIME), at=TIME,
        told=listing(named("Told")), acknowledged=or_null(record(more=True, by=TEXT, at=TIME)),
        masks=listing(named("Mask")), order=or_null(either(TEXT, INTEGER)), evidence=or_null(TEXT),
    ),
    "Order": record(
        more=True,
        id=INTEGER, number=TEXT, kind=TEXT, title=TEXT, text=TEXT, device=TEXT, cell=TEXT, rule=TEXT, target=TEXT,
        severity=SEVERITY, state=one_of("open", "accepted", "on_site", "done", "checked", "returned"), created=TIME,
        due=TIME, light=one_of("green", "amber", "red"), person=TEXT, accepted=or_null(TIME), arrived=or_null(TIME),
        done=or_null(TIME), checked=or_null(TIME), photos=listing(TEXT), place=or_null(listing(NUMBER)),
        returned_why=TEXT, rounds=INTEGER, log=listing(record(at=TIME, by=TEXT, what=TEXT, note=TEXT)),
    ),
    "Mask": record({"until": or_null(TIME), "by": or_null(TEXT), "why": or_null(TEXT)}, more=True, kind=MASK),
    "Event": record(
        seq=or_null(INTEGER), source=TEXT, kind=TEXT, at=TIME, received=TIME, confidence=NUMBER,
        detail=mapping(either(NUMBER, TEXT)), evidence=or_null(TEXT),
    ),
}  # fmt: skip
