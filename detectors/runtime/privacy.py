"""What nobody may recognise is made unreadable before anything is written: masks, faces, number plates.

::

    frame ─► masks (the site drew them; the whole worker sees nothing there) ─► detectors
    frame ─► models find faces and plates, or people and vehicles ─► coarse blocks ─► disk
             no model can say where they are, or it fails          ─► boxes on a grey ground ─► disk

No face is compared with anything. A model that misses a person leaves that person readable: ``docs/evidence.md`` says
how often that happened on which pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from detectors.runtime.contracts import Detections, Model, Picture
from detectors.runtime.network import BadModel
from gateway.errors import Unavailable

FACES = frozenset({"face", "head", "human face", "human_face"})
PLATES = frozenset(
    {"plate", "license_plate", "licence_plate", "number_plate", "license plate", "license-plate"}
)
PEOPLE = frozenset({"person", "pedestrian", "people", "rider"})
VEHICLES = frozenset({"car", "truck", "bus", "van", "motorcycle", "motorbike", "tricycle", "vehicle"})

GREY = 114
BLOCKS = 4  # along the longer side of what is covered: a face of 4 x 4 colours is nobody's
LEAST_BLOCK_PX = 8
MARGIN = 0.15  # of the region's size, on each side
HEAD_SHARE = 0.34  # of a standing person's box; a head is about an eighth of the height, boxes and poses vary
SMALL_PX = 48  # a person lower than this is covered whole: where its head is cannot be said to a few pixels
PLATE_FROM = 0.55  # of a vehicle's height, downwards: plates sit low

How = Literal["blurred", "boxes_only", "plain"]
Region = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Covered:
    """A picture that may be written.

    Attributes:
        image: The picture; a grey ground of the same size where ``how`` is ``boxes_only``.
        how: What was done to it.
        regions: How many places were covered.
        why: Why it is only a grey ground.
    """

    image: Picture
    how: How
    regions: int = 0
    why: str = ""


class Masks:
    """Parts of the picture that this site does not look at: windows of a home, a neighbour's yard.

    Args:
        polygons: Preset -> polygons as shares of width and height; those of ``""`` hold everywhere.
    """

    def __init__(self, polygons: Mapping[str, Sequence[Sequence[tuple[float, float]]]]) -> None:
        self._polygons = {preset: tuple(map(tuple, each)) for preset, each in polygons.items() if each}

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def apply(self, image: Picture, preset: str = "") -> Picture:
        """The same picture with its masked parts grey; the picture itself when there is nothing to mask."""
        shapes = [*self._polygons.get("", ()), *(self._polygons.get(preset, ()) if preset else ())]
        if not shapes:
            return image
        height, width = image.shape[:2]
        points = [np.rint(np.asarray(shape) * (width, height)).astype(np.int32) for shape in shapes]
        masked = image.copy()
        cv2.fillPoly(masked, points, (GREY, GREY, GREY))
        return masked


class Shroud:
    """Covers faces and plates.

    Args:
        models: Whatever may find them, asked once for each picture that is written.
        rule: See :class:`gateway.evidence.settings.EvidenceSettings`.
    """

    def __init__(
        self, models: Sequence[Model] = (), rule: Literal["auto", "boxes_only", "off"] = "auto"
    ) -> None:
        self._models = tuple(model for model in models if _of_use(model.labels))
        self._rule = rule

    @property
    def finds(self) -> bool:
        """Whether its models between them can say where both faces and plates are."""
        labels = [frozenset(model.labels) for model in self._models]
        return _any(labels, FACES | PEOPLE) and _any(labels, PLATES | VEHICLES)

    def cover(self, image: Picture, seen: Iterable[Detections] = ()) -> Covered:
        """The picture as it may be written; the given one is not touched.

        Args:
            image: After its masks.
            seen: What is known of it already; added to what the models say.
        """
        if self._rule == "off":
            return Covered(image, "plain")
        if self._rule == "boxes_only":
            return _grey(image, "the site keeps boxes only")
        if not self.finds:
            return _grey(image, "no model here can say where faces and plates are")
        try:
            places = self.places(image, seen)
        except Unavailable as error:
            return _grey(image, str(error))
        return Covered(pixelated(image, places), "blurred", len(places))

    def places(self, image: Picture, seen: Iterable[Detections] = ()) -> list[Region]:
        """What must be covered. Raises Unavailable when a model fails."""
        try:
            found = [*seen, *(model.look(image) for model in self._models)]
        except BadModel as error:
            raise Unavailable(f"the model failed: {error}") from error
        return [place for one in found for place in regions(one, image.shape[0], image.shape[1])]


def regions(seen: Detections, height: int, width: int) -> list[Region]:
    """Where faces and plates are or may be: pixels x1 y1 x2 y2, within the picture."""
    found = []
    for (x1, y1, x2, y2), label in zip(seen.xyxy.tolist(), seen.labels, strict=True):
        name = label.lower()
        if name in FACES or name in PLATES:
            place = (x1, y1, x2, y2)
        elif name in PEOPLE:
            upright = y2 - y1 >= SMALL_PX and y2 - y1 >= 1.1 * (x2 - x1)
            place = (x1, y1, x2, y1 + HEAD_SHARE * (y2 - y1) if upright else y2)
        elif name in VEHICLES:
            place = (
                x1,
                y1 + PLATE_FROM * (y2 - y1),
                x2,
                y2,
            )  # whole width: seen at an angle it sits at the edge
        else:
            continue
        region = _widened(place, height, width)
        if region[2] > region[0] and region[3] > region[1]:
            found.append(region)
    return found


def pixelated(image: Picture, places: Iterable[Region]) -> Picture:
    """A copy whose regions are a few coarse blocks each, in 16 steps of colour."""
    covered = image.copy()
    for x1, y1, x2, y2 in places:
        part = image[y1:y2, x1:x2]
        block = max(LEAST_BLOCK_PX, max(part.shape[:2]) / BLOCKS)
        size = max(1, round((x2 - x1) / block)), max(1, round((y2 - y1) / block))
        coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA) // 16 * 16 + 8
        covered[y1:y2, x1:x2] = cv2.resize(coarse, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    return covered


def _widened(place: tuple[float, float, float, float], height: int, width: int) -> Region:
    x1, y1, x2, y2 = place
    dx, dy = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    return (
        max(0, int(x1 - dx)),
        max(0, int(y1 - dy)),
        min(width, int(x2 + dx) + 1),
        min(height, int(y2 + dy) + 1),
    )


def _grey(image: Picture, why: str) -> Covered:
    return Covered(np.full_like(image, GREY), "boxes_only", why=why)


def _of_use(labels: Iterable[str]) -> bool:
    return bool({label.lower() for label in labels} & (FACES | PLATES | PEOPLE | VEHICLES))


def _any(labels: Iterable[Collection[str]], wanted: Collection[str]) -> bool:
    return any(label.lower() in wanted for each in labels for label in each)
