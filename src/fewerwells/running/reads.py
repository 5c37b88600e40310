"""Which data a chapter's run has read, from its kernel's notes, and whether all of it is still the same."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

# Folders of a checkout that hold no data of a chapter.
_NO_DATA = (".git", ".ipynb_checkpoints", "_build", "node_modules")


@lru_cache(maxsize=1000)
def _sha256_of(path: Path, *state: int) -> str:
    """Digest of a file whose size and time of change are `state`; thousands of points may have read the same one."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sha256(path: Path) -> str | None:
    """Digest of a file's content; None where there is none."""
    try:
        now = path.stat()
        return _sha256_of(path, now.st_size, now.st_mtime_ns, now.st_ino)
    except OSError:
        return None


def _is_data(path: Path, root: Path, runs: Path, named: set[Path]) -> bool:
    """Whether a file that a run has read belongs to the chapter's data, and is neither installed nor derived."""
    if path in named or (path.is_file() and path.parent in {one.parent for one in named}):  # a layout may name others
        return True
    if path.parent == runs:
        return True  # what a sample of the published tables gave stands on the pages
    if path.is_dir() or "__pycache__" in path.parts or path.is_relative_to(runs):
        return False
    if path.is_relative_to(Path(__file__).parents[1]):
        return True
    environment = Path(sys.prefix)
    if not path.is_relative_to(root) or (environment.is_relative_to(root) and path.is_relative_to(environment)):
        return False
    return not any(path.is_relative_to(root / folder) for folder in _NO_DATA)


def read_notes(
    notes: Path, notebook: Path, root: Path, runs: Path, parameters: Mapping
) -> tuple[dict, dict[str, str | None]]:
    """What a chapter's kernel noted.

    Args:
        notes: the file that the kernel wrote.
        notebook: the chapter's; relative paths in its parameters start at its folder.
        root: the book's folder, in which every file that is not derived counts as data.
        runs: where stored pieces lie, in folders; they have identities of their own.
        parameters: the chapter's; a file that one of them names counts wherever it lies, and so does what lies beside it.

    Returns:
        What `kernel.about` said there; and for each data file that the run has read and not written itself, by its
        path from `root` (whole where it lies elsewhere), the SHA-256 of its content, None where it is not there.
    """
    first, *lines = (json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines())
    given = [one for value in parameters.values() for one in (value if isinstance(value, list | tuple) else [value])]
    texts = [value for value in given if isinstance(value, str) and value]
    named = {Path(os.path.abspath(notebook.parent / text)) for text in texts}
    read, written = ({Path(path) for how, path in lines if how == kind} for kind in ("read", "written"))
    data = sorted(path for path in read - written if _is_data(path, root, runs, named))
    places = {path: path.relative_to(root) if path.is_relative_to(root) else path for path in data}
    return first, {place.as_posix(): _sha256(path) for path, place in places.items()}


def unchanged(reads: Mapping[str, str | None], root: Path) -> bool:
    """Whether every file that a run has read still has the content that it had then."""
    return all(_sha256(root / place) == content for place, content in reads.items())
