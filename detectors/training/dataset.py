"""A folder of pictures and boxes in YOLO's format, checked before anything is trained on it.

::

    data.yaml            names: [fire, smoke]   train: images/train   val: images/val   (or names: {0: fire, 1: smoke})
    images/train/a.jpg   labels/train/a.txt   one line a box: class  x  y  width  height, centre and size as shares
    images/val/b.jpg     labels/val/b.txt     no file or an empty one: nothing is there (a negative, and welcome)

Without ``data.yaml`` the folders above are taken and ``classes.txt`` names the classes, one a line.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gateway import files
from gateway.errors import Fault, SettingsError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
SPLITS = ("train", "val")
MOST_FAULTS = 50
_COLUMNS = 5
_EDGE = 1e-3  # rounding: a box may stick out by so much of the picture


@dataclass
class Split:
    """One half of it.

    Attributes:
        pictures: Files. boxes: Class -> how many. empty: Pictures without a box.
    """

    pictures: list[Path] = field(default_factory=list)
    boxes: Counter[int] = field(default_factory=Counter)
    empty: int = 0


@dataclass
class Dataset:
    """What was found.

    Attributes:
        folder: Where. names: Classes by index. splits: ``train`` and ``val``.
        digest: SHA-256 over all pictures and labels: which data a network was made of.
    """

    folder: Path
    names: tuple[str, ...]
    splits: Mapping[str, Split]
    digest: str

    def about(self) -> dict[str, Any]:
        """Figures for people and for the record."""
        return {
            "digest": self.digest,
            "names": list(self.names),
            **{
                name: {
                    "pictures": len(split.pictures),
                    "without_boxes": split.empty,
                    "boxes": {self.names[index]: split.boxes[index] for index in range(len(self.names))},
                }
                for name, split in self.splits.items()
            },
        }

    def written_for_ultralytics(self, target: Path) -> Path:
        """Its ``data.yaml`` with whole paths (JSON is YAML)."""
        folders = {
            name: sorted({str(one.parent) for one in split.pictures}) for name, split in self.splits.items()
        }
        text = {"path": str(self.folder), **folders, "names": dict(enumerate(self.names))}
        target.write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
        return target


class _Found:
    """Faults, as many as a person reads at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.more = 0

    def add(self, path: Path, line: int, problem: str, remedy: str = "") -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(str(path), line, "", problem, remedy))
        else:
            self.more += 1

    def tell(self) -> None:
        if self.more:
            self.faults.append(Fault("", 0, "", f"and {self.more} more faults"))
        if self.faults:
            raise SettingsError(*self.faults)


def read(folder: Path) -> Dataset:
    """Read and check all of it.

    Args:
        folder: With ``data.yaml`` or the usual folders; or the ``data.yaml`` itself.

    Raises:
        SettingsError: With every fault, path and line, 50 at most.
    """
    file = folder if folder.suffix in {".yaml", ".yml"} else folder / "data.yaml"
    folder = folder.parent if folder == file else folder
    if not folder.is_dir():
        raise SettingsError(Fault(str(folder), 0, "", "is no folder", "a folder in YOLO's format"))
    root, names, places = _described(folder, file)
    found = _Found()
    reader = _Reader(names, found)
    splits: dict[str, Split] = {}
    for name in SPLITS:
        splits[name] = reader.split(name, places[name])
        if not splits[name].pictures and not found.faults:
            where = ", ".join(map(str, places[name]))
            found.add(
                folder, 0, f"{name}: holds no picture ({where})", f"one of {', '.join(sorted(PICTURES))}"
            )
    if not any(splits["train"].boxes.values()) and not found.faults:
        found.add(folder, 0, "train: holds no box at all", "see docs/training.md")
    found.tell()
    return Dataset(root.resolve(), names, splits, reader.digest.hexdigest())


def _described(folder: Path, file: Path) -> tuple[Path, tuple[str, ...], dict[str, list[Path]]]:
    if not file.exists():
        listed = folder / "classes.txt"
        if not listed.exists():
            problem = "says nowhere what its classes are called"
            raise SettingsError(Fault(str(folder), 0, "", problem, "data.yaml with names:, or classes.txt"))
        names = tuple(
            line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()
        )
        return folder, names, {name: [folder / "images" / name] for name in SPLITS}
    document = files.read_yaml(file)
    data = document.data if isinstance(document.data, dict) else {}
    faults = []
    names = _names(data.get("names"))
    if not names:
        faults.append(document.fault(("names",), "names no classes", "e.g. names: [fire, smoke]"))
    if "nc" in data and data["nc"] != len(names):
        faults.append(document.fault(("nc",), f"says {data['nc']} classes, names has {len(names)}"))
    root = (file.parent / str(data.get("path") or ".")).resolve()
    if not root.is_dir():
        root = file.parent  # written on another machine: what lies beside it counts
    places = {}
    for name in SPLITS:
        said = data.get(name)
        parts = said if isinstance(said, list) else [said] if said else []
        places[name] = [root / str(part) for part in parts]
        if not parts:
            faults.append(document.fault((name,), "is missing", f"e.g. {name}: images/{name}"))
        faults += [
            document.fault((name,), f"{part} is no folder", "name the folder of the pictures")
            for part in places[name]
            if not part.is_dir()
        ]
    if faults:
        raise SettingsError(*faults)
    return root, names, places


def _names(said: Any) -> tuple[str, ...]:
    if isinstance(said, list):
        return tuple(map(str, said))
    if isinstance(said, dict) and sorted(map(str, said)) == sorted(map(str, range(len(said)))):
        return tuple(
            str(said[str(index)] if str(index) in said else said[index]) for index in range(len(said))
        )
    return ()


class _Reader:
    """Reads one split after the other; knows what it has seen."""

    def __init__(self, names: tuple[str, ...], found: _Found) -> None:
        self._names = names
        self._found = found
        self._first: dict[str, tuple[str, Path]] = {}
        self.digest = hashlib.sha256(json.dumps(names).encode())

    def split(self, name: str, places: list[Path]) -> Split:
        split = Split()
        for place in places:
            labelled = {path.stem for path in _label_folder(place).glob("*.txt")} - {"classes"}
            for picture in sorted(path for path in place.rglob("*") if path.suffix.lower() in PICTURES):
                labelled.discard(picture.stem)
                self._one(name, split, picture)
            for stem in sorted(labelled):
                label = _label_folder(place) / f"{stem}.txt"
                self._found.add(label, 0, "has no picture", f"put {stem}.jpg into {place}")
        return split

    def _one(self, name: str, split: Split, picture: Path) -> None:
        content = picture.read_bytes()
        whole = hashlib.sha256(content).hexdigest()
        other, twin = self._first.setdefault(whole, (name, picture))
        if other != name:
            remedy = "figures would flatter: drop one"
            self._found.add(picture, 0, f"is the same picture as {twin} in {other}", remedy)
        if not _is_picture(content):
            self._found.add(picture, 0, "is no picture that can be read", "mend it or take it out")
            return
        split.pictures.append(picture)
        label = _label_of(picture)
        boxes = list(_boxes(label, self._names, self._found)) if label.exists() else []
        split.boxes.update(boxes)
        split.empty += not boxes
        self.digest.update(whole.encode() + (label.read_bytes() if label.exists() else b""))


def _boxes(label: Path, names: tuple[str, ...], found: _Found) -> Iterator[int]:
    try:
        lines = label.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found.add(label, 0, f"cannot be read ({error})")
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            problem, remedy, index = _box(line.split(), names)
            if problem:
                found.add(label, number, problem, remedy)
            else:
                yield index


def _box(parts: list[str], names: tuple[str, ...]) -> tuple[str, str, int]:
    """What is wrong with a line, what would be right, and its class."""
    if len(parts) != _COLUMNS:
        what = "outlines are not boxes" if len(parts) > _COLUMNS else "write class x y width height"
        return f"has {len(parts)} numbers instead of {_COLUMNS}", what, 0
    try:
        index, (x, y, width, height) = int(parts[0]), map(float, parts[1:])
    except ValueError:
        return f"{' '.join(parts)[:40]!r} are not numbers", "write class x y width height", 0
    if not 0 <= index < len(names):
        return f"knows no class {index}", f"0 to {len(names) - 1}: {', '.join(names)}", 0
    low = min(x - width / 2, y - height / 2)
    high = max(x + width / 2, y + height / 2)
    if not (width > 0 and height > 0 and low >= -_EDGE and high <= 1 + _EDGE):
        return "is no box within the picture", "centre and size as shares of the picture, 0..1", 0
    return "", "", index


def _is_picture(content: bytes) -> bool:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8) is not None


def _label_folder(place: Path) -> Path:
    """Where ultralytics looks: the last ``images`` on the way becomes ``labels``."""
    parts = list(place.parts)
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts)


def _label_of(picture: Path) -> Path:
    return _label_folder(picture.parent) / f"{picture.stem}.txt"
