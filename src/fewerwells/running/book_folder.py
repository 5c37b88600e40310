"""Which folder is the book's, for whoever must not load more than this to know."""

from __future__ import annotations

from pathlib import Path


def book_around(place: Path) -> Path | None:
    """The nearest folder, from a place upwards, that holds `_toc.yml` and `notebooks`; None where there is none."""
    here = place.resolve()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").exists() and (folder / "notebooks").is_dir():
            return folder
    return None
