"""How long a chapter takes: to read, from its words; to run, from the records of its stored runs."""

from __future__ import annotations

import math
import re
from pathlib import Path

from fewerwells.book.report import number
from fewerwells.course.source import read
from fewerwells.running.parameters import PROFILES
from fewerwells.running.points import records
from fewerwells.running.reading_order import chapters

WORDS_A_MINUTE = 200
# the sentence of a chapter's opening that the build replaces; in the file of a notebook a line ends with \n or a quote
_TIME = re.compile(r'\*\*Time:\*\*[^"\\\n]*')
_MARKUP = re.compile(r"\$[^$]+\$|<[^>]+>|\{[a-z:]+\}|https?://\S+|[|#*`:-]{2,}")


def words(path: Path) -> int:
    """Words of prose in a notebook."""
    prose = " ".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    return len(_MARKUP.sub(" ", prose).split())


def reading_minutes(path: Path) -> int:
    """Minutes to read a notebook's prose at 200 words a minute, at least 1."""
    return max(1, math.ceil(words(path) / WORDS_A_MINUTE))


def seconds(name: str) -> dict[str, float]:
    """Wall time of a chapter's last stored run at each size, all else as it is; sizes that were not run are left out."""
    last: dict[str, tuple[str, float]] = {}
    for record in records(name):
        given = {"profile": "paper"} | record["parameters"]
        if given.keys() == {"profile"}:
            last[given["profile"]] = max(last.get(given["profile"], ("", 0.0)), (record["started"], record["seconds"]))
    return {profile: last[profile][1] for profile in PROFILES if profile in last}


def sentence(path: Path, measured: dict[str, float]) -> str:
    """The sentence that opens a page: measured, or without a time to run where nothing was run yet."""
    minutes = reading_minutes(path)
    text = f"**Time:** {minutes} minute{'s' * (minutes > 1)} to read"
    if measured:
        text += ", " + ", ".join(f"{number(s)} s to run at `{profile}` size" for profile, s in measured.items())
        text += ", as last measured here"
    return text + "."


def with_measured_times(text: str, path: Path, measured: dict[str, float]) -> str:
    """The text of a notebook's file in which the opening tells the measured times."""
    return _TIME.sub(lambda _: sentence(path, measured), text, count=1)


def table(root: Path) -> str:
    """Times of all chapters as a Markdown table: minutes to read, seconds to run at each size that was run at all."""
    measured = {name: seconds(name) for name in chapters(root)}
    shown = [profile for profile in PROFILES if any(profile in times for times in measured.values())]
    lines = [
        " | ".join(["| chapter | to read (min)", *(f"`{profile}` (s)" for profile in shown)]) + " |",
        " | ".join(["| --- | ---:", *("---:" for _ in shown)]) + " |",
    ]
    for name, path in chapters(root).items():
        cells = [number(measured[name][profile]) if profile in measured[name] else "–" for profile in shown]
        lines.append(" | ".join([f"| {name} | {reading_minutes(path)}", *cells]) + " |")
    return "\n".join(lines)
