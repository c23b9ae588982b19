from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")

import cv2

from detectors.training.dataset import read
from gateway.errors import SettingsError

GOOD = "0 0.5 0.5 0.2 0.2\n1 0.3 0.3 0.1 0.1\n"


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (32, 48, 3), np.uint8)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.yaml").write_text("names: [fire, smoke]\ntrain: images/train\nval: images/val\n")
    for number, split in enumerate(("train", "val")):
        picture(tmp_path / f"images/{split}/a.jpg", number)
        picture(tmp_path / f"images/{split}/b.jpg", number + 10)
        (tmp_path / f"labels/{split}").mkdir(parents=True)
        (tmp_path / f"labels/{split}/a.txt").write_text(GOOD)
    return tmp_path


def faults(folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(folder)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_folder_is_counted(folder: Path) -> None:
    about = read(folder).about()
    assert about["names"] == ["fire", "smoke"]
    assert about["train"] == {"pictures": 2, "without_boxes": 1, "boxes": {"fire": 1, "smoke": 1}}
    assert len(about["digest"]) == 64


def test_names_by_number_and_a_classes_file_are_read_too(folder: Path) -> None:
    (folder / "data.yaml").write_text("names: {0: fire, 1: smoke}\ntrain: images/train\nval: images/val\n")
    assert read(folder).names == ("fire", "smoke")
    (folder / "data.yaml").unlink()
    (folder / "classes.txt").write_text("fire\nsmoke\n")
    assert read(folder).names == ("fire", "smoke")


def test_the_digest_changes_with_a_label(folder: Path) -> None:
    before = read(folder).digest
    (folder / "labels/val/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    assert read(folder).digest != before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2", "a.txt:2: has 4 numbers instead of 5; write class x y width height"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "a.txt:2: has 7 numbers instead of 5; outlines are not boxes"),
        ("2 0.5 0.5 0.2 0.2", "a.txt:2: knows no class 2; 0 to 1: fire, smoke"),
        ("fire 0.5 0.5 0.2 0.2", "are not numbers"),
        ("0 0.5 0.5 0 0.2", "a.txt:2: is no box within the picture"),
        ("0 0.95 0.5 0.2 0.2", "a.txt:2: is no box within the picture"),
        ("0 320 240 64 48", "centre and size as shares of the picture"),
        ("0 nan 0.5 0.2 0.2", "is no box within the picture"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_number(folder: Path, line: str, said: str) -> None:
    (folder / "labels/train/a.txt").write_text(f"0 0.5 0.5 0.2 0.2\n{line}\n")
    (told,) = faults(folder)
    assert str(folder / "labels/train/a.txt") in told
    assert said in told


def test_what_does_not_belong_together_is_told(folder: Path) -> None:
    (folder / "labels/val/lonely.txt").write_text(GOOD)
    (folder / "images/train/broken.jpg").write_bytes(b"no picture")
    (folder / "images/val/twin.jpg").write_bytes((folder / "images/train/a.jpg").read_bytes())
    told = "\n".join(faults(folder))
    assert "lonely.txt: has no picture" in told
    assert "broken.jpg: is no picture that can be read" in told
    assert "twin.jpg: is the same picture as" in told


def test_a_missing_half_or_name_is_told_with_its_line(folder: Path) -> None:
    (folder / "data.yaml").write_text("nc: 3\nnames: [fire]\ntrain: images/train\nval: images/nowhere\n")
    told = "\n".join(faults(folder))
    assert "data.yaml:1: nc: says 3 classes, names has 1" in told
    assert "data.yaml:4: val: " in told
    assert "nowhere is no folder" in told
    (folder / "data.yaml").write_text("train: images/train\n")
    told = "\n".join(faults(folder))
    assert "names no classes" in told
    assert "val: is missing" in told


def test_many_faults_are_cut_at_fifty_and_counted(folder: Path) -> None:
    (folder / "labels/train/a.txt").write_text("9 0.5 0.5 0.2 0.2\n" * 70)
    told = faults(folder)
    assert len(told) == 51
    assert told[-1] == "and 20 more faults"


def test_a_folder_without_anything_is_told(tmp_path: Path) -> None:
    assert "data.yaml with names:, or classes.txt" in faults(tmp_path)[0]
    assert "is no folder" in faults(tmp_path / "nowhere")[0]
