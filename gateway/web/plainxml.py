"""XML of a device that is not trusted: no document types, so no entities of any kind; bounded size, depth and count.

Names are told without their namespace: cameras of one maker use three of them for the same message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from gateway.errors import BadReply

LARGEST = 256 * 1024
DEEPEST = 40
MOST = 5000


@dataclass(slots=True)
class Element:
    """One element.

    Attributes:
        name: Without namespace.
        text: Its own text, stripped.
        children: In order.
        attributes: By name, as written.
    """

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    def every(self, name: str) -> Iterator[Element]:
        """All elements of this name, at any depth, this one included."""
        if self.name == name:
            yield self
        for child in self.children:
            yield from child.every(name)

    def said(self, name: str, otherwise: str = "") -> str:
        """Text of the first element of this name at any depth."""
        return next((one.text for one in self.every(name)), otherwise)

    def number(self, name: str) -> float | None:
        """The same as a number; ``None`` when there is none."""
        try:
            value = float(self.said(name))
        except ValueError:
            return None
        return value if abs(value) < 1e9 else None


def read(data: bytes) -> Element:
    """The document.

    Raises:
        BadReply: It is no XML, has a document type, or is too large, too deep or too long.
    """
    if len(data) > LARGEST:
        raise BadReply(f"XML of {len(data)} bytes")
    parser = expat.ParserCreate()
    parser.buffer_text = True
    roots: list[Element] = []
    open_now: list[Element] = []
    count = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(open_now) >= DEEPEST or count > MOST:
            raise BadReply("XML too deep or too long")
        element = Element(name.rpartition(":")[2], attributes=dict(attributes))
        (open_now[-1].children if open_now else roots).append(element)
        open_now.append(element)

    def end(name: str) -> None:
        del name
        element = open_now.pop()
        element.text = element.text.strip()

    def text(data: str) -> None:
        if open_now:
            open_now[-1].text += data

    def refuse(*_: object) -> None:
        raise BadReply("XML with a document type is not read")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadReply(f"XML that cannot be read: {error}"[:160]) from error
    return roots[0]
