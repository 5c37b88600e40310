"""A folder in which a build replaces and deletes what an earlier build wrote, and nothing else.

A record in the folder lists every file that was written there, with its checksum. What is not in the list, or has
another checksum by now, belongs to somebody else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fewerwells.running.parameters import ParameterError
from fewerwells.running.storage import why_nothing_in, write_whole

RECORD = ".fewerwells-wrote.json"
_LOCK = ".fewerwells-lock"
_PART = ".fewerwells-part-"
_NAMED = 3  # so many files are named in a refusal


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


class OwnedFolder:
    """A folder and the record of what was written there.

    Args:
        path: the folder; it need not be there yet.
        beside: names in it that have a record of their own.
    """

    def __init__(self, path: Path, beside: tuple[str, ...] = ()):
        self.path = path
        self.beside = beside

    @property
    def record(self) -> Path:
        """The file that lists what was written."""
        return self.path / RECORD

    def written(self) -> dict[str, list[str]]:
        """Every file that was written here, relative path → the checksums that it may have.

        Raises:
            ParameterError: the record cannot be read, so that nothing here may be touched.
        """
        try:
            return json.loads(self.record.read_text(encoding="utf-8"))["files"]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ParameterError(
                f"{self.record} cannot be read ({error}), so nobody knows what in {self.path} may be replaced; name "
                "another folder, or move this one away."
            ) from None

    def check(self) -> None:
        """Nothing if this folder can be written in and is empty, not there yet, or has a record.

        Raises:
            ParameterError: it cannot be, or it holds something and has no record.
        """
        if reason := why_nothing_in(self.path):
            raise ParameterError(f"{self.path} cannot be used: {reason}.")
        if not self.record.exists():
            there = sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
            others = [name for name in there if name != _LOCK and not self._has_own_record(name)]
            if others:
                raise ParameterError(
                    f"{self.path} is not empty and was not made by this command (it holds {_few(others)}); name a new "
                    "or an empty folder, or move this one away."
                )

    def _has_own_record(self, name: str) -> bool:
        return name in self.beside and (self.path / name / RECORD).exists()

    def insist_on(self, names: Iterable[str]) -> None:
        """Nothing if each of these files is absent or as it was written.

        Args:
            names: paths inside the folder.

        Raises:
            ParameterError: somebody else wrote or changed one.
        """
        written = self.written()
        changed = [name for name in sorted(names) if not self._is_free(name, written.get(name, []))]
        if changed:
            raise ParameterError(
                f"in {self.path} these files are not as this command wrote them, and would be lost: {_few(changed)}; "
                "move them away (or delete them), then start again."
            )

    def _is_free(self, name: str, checksums: list[str]) -> bool:
        target = self.path / name
        if os.path.lexists(target):
            return target.is_file() and _checksum(target) in checksums
        folders = (self.path / folder for folder in Path(name).parents)
        return all(folder.is_dir() or not os.path.lexists(folder) for folder in folders)

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """A new folder to write in; in the end its files take the place of those written before.

        Until then nothing changes here, and a kill at any moment leaves a folder that the next build can replace.

        Raises:
            ParameterError: as `check` and `insist_on`; or another build is writing here.
        """
        self.check()
        self.insist_on(self.written())
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / _LOCK, timeout=0):
                self._write_record(self.written())
                for left in self.path.glob(f"{_PART}*"):  # of a build that was killed
                    shutil.rmtree(left)
                part = Path(tempfile.mkdtemp(prefix=_PART, dir=self.path))
                try:
                    yield part
                    self._move_in(part)
                finally:
                    shutil.rmtree(part)
        except Timeout:
            raise ParameterError(f"another build is writing to {self.path}; wait until it is done.") from None

    def _move_in(self, part: Path) -> None:
        new = {name: [_checksum(part / name)] for name in _files(part)}
        old = self.written()
        self.insist_on({*old, *new})
        self._write_record({name: old.get(name, []) + new.get(name, []) for name in {*old, *new}})
        for name in new:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(part / name, self.path / name)
        for name in old.keys() - new.keys():
            self._delete(name)
        self._write_record(new)

    def _delete(self, name: str) -> None:
        target = self.path / name
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == self.path or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def write(self, name: str, data: bytes) -> Path:
        """Write one file, in the place of what was written there before.

        Raises:
            ParameterError: what stands there is somebody else's.
        """
        written, target = self.written(), self.path / name
        wanted = hashlib.sha256(data).hexdigest()
        if not (target.is_file() and _checksum(target) == wanted):
            self.insist_on([name])
            target.parent.mkdir(parents=True, exist_ok=True)
            self._write_record(written | {name: [*written.get(name, []), wanted]})
            write_whole(target, data)
        self._write_record(written | {name: [wanted]})
        return target

    def adopt(self, names: Iterable[str]) -> None:
        """Record files that another program wrote for this command."""
        self._write_record(self.written() | {name: [_checksum(self.path / name)] for name in names})

    def inside(self, folder: str) -> list[str]:
        """All files in a folder of this one, as paths of this one."""
        return [f"{folder}/{name}" for name in _files(self.path / folder)]

    def _write_record(self, files: dict[str, list[str]]) -> None:
        words = {"about": "fewerwells wrote these files here; it replaces and deletes no others", "files": files}
        write_whole(self.record, (json.dumps(words, indent=1, sort_keys=True) + "\n").encode())
