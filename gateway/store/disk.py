"""Room on the disk: how much may be used, what goes first, and a ballast to drop when there is none left.

A full disk cannot be cured by DELETE, because the log cannot grow either; unlinking the oldest file always works, and a
ballast of 256 KiB makes room for the first step (reliability-and-security, section 0.5).
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gateway.store import lite

BALLAST = 256 * 1024  # bytes (reliability-and-security, section 0.5)
MOST_QUOTA = 4_000_000_000  # bytes (reliability-and-security, P6)
MOST_SEGMENT = 64 * 1024 * 1024  # bytes
LEAST_SEGMENT = 256 * 1024  # bytes; an empty one has 40 KiB
SALVAGED = ".salvaged"
KEPT_CORRUPT = 3  # files (reliability-and-security, P10)


class Disk:
    """The folder of the journal and the room it lies in.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quota = MOST_QUOTA
        self._ballast = folder / "ballast"

    @property
    def segment_limit(self) -> int:
        """Bytes at which a segment is full: a sixteenth of the quota, so that eviction costs a sixteenth at most."""
        return max(LEAST_SEGMENT, min(MOST_SEGMENT, self.quota // 16))

    @property
    def book_limit(self) -> int:
        """Bytes the book may grow to: a quarter of the quota."""
        return self.quota // 4

    @property
    def wal_pages(self) -> int:
        """Pages of log before it is moved into the file: 4 MB, less on a small disk."""
        return max(16, min(1000, self.segment_limit // lite.PAGE // 2))

    def free(self) -> int:
        """Bytes that are free for us."""
        return shutil.disk_usage(self.folder).free

    def default_quota(self) -> int:
        """Half of what is free now, at most 4 GB."""
        return max(1_000_000, min(MOST_QUOTA, self.free() // 2))

    def used(self) -> int:
        """Bytes of everything in the folder, ballast included."""
        total = 0
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size if entry.is_file() else 0
        return total

    def hold_ballast(self) -> None:
        """Put the ballast down, unless it lies there or there is not much room."""
        if self._ballast.exists() or self.free() < 4 * BALLAST:
            return
        with suppress(OSError), self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST)

    def drop_ballast(self) -> bool:
        """Make that much room; False when it was dropped before."""
        if not self._ballast.exists():
            return False
        with suppress(OSError):
            self._ballast.unlink()
        return True

    def corrupt_files(self) -> list[Path]:
        """What was set aside, oldest first."""
        found = [path for path in self.folder.glob("*.corrupt-*") if not path.name.endswith(("-wal", "-shm"))]
        return sorted(found, key=lambda path: path.name.rpartition("corrupt-")[2])

    def set_aside(self, path: Path, stamp: str) -> Path:
        """Move a broken file (or whatever lies there) out of the way, its log with it; keep the three newest.

        Args:
            path: What is broken.
            stamp: The moment, as it shall stand in the name.
        """
        aside = path.with_name(f"{path.name}.corrupt-{stamp}")
        number = 1
        while aside.exists():
            aside = path.with_name(f"{path.name}.corrupt-{stamp}.{number}")
            number += 1
        with suppress(FileNotFoundError):
            path.rename(aside)
        for companion in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
        with suppress(OSError):
            lite.sync_folder(self.folder)
        for old in self.corrupt_files()[:-KEPT_CORRUPT]:
            self.forget_corrupt(old)
        return aside

    def forget_salvaged(self) -> bool:
        """Remove the oldest file that was set aside and has been salvaged; False when there is none."""
        for path in self.corrupt_files():
            if path.name.endswith(SALVAGED):
                self.forget_corrupt(path)
                return True
        return False

    def mark_salvaged(self, path: Path) -> None:
        """Note, by its name, that a file that was set aside needs no more looking into."""
        for companion in lite.COMPANIONS:
            with suppress(OSError):
                path.with_name(path.name + companion).rename(path.with_name(path.name + SALVAGED + companion))

    def to_salvage(self) -> list[Path]:
        """What was set aside and has not been salvaged, oldest first."""
        return [path for path in self.corrupt_files() if not path.name.endswith(SALVAGED)]

    def forget_corrupt(self, path: Path) -> None:
        """Remove a file that was set aside."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            lite.unlink_database(path)
