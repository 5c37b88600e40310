"""A sweep as its author writes it: read safely, and everything that is wrong with it told at once, with its line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from fewerwells.running.chapters import offered_parameters, unknown_name
from fewerwells.running.parameters import CHAPTER_PARAMETERS, ParameterError, problems
from fewerwells.running.plain import UNREADABLE, plain_value, plain_yaml, write_value
from fewerwells.running.reading_order import chapters, project_root

MAX_POINTS = 100_000
MAX_BYTES = 1_000_000
KEYS = ("chapter", "fixed", "grid")

Place = tuple  # where in a sweep something stands, for example ("grid", "noise", 2)
Found = Iterator[tuple[Place, str]]


@dataclass(frozen=True)
class SweepPlan:
    """A checked sweep: a chapter, fixed parameters, lists of values whose every combination runs.

    Attributes:
        chapter: the chapter's notebook.
        fixed: parameter → value, the same for all points.
        grid: parameter → values.
    """

    chapter: Path
    fixed: dict
    grid: dict[str, list]

    @property
    def points(self) -> list[dict]:
        """The parameters of every point, in the order of the grid; the last name varies fastest."""
        return list(_points(self.fixed, self.grid))


def _points(fixed: dict, grid: dict[str, list]) -> Iterator[dict]:
    for chosen in itertools.product(*grid.values()):
        yield fixed | dict(zip(grid, chosen, strict=True))


def _near(word: str, known: tuple[str, ...] | list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}."


def _wrong_shape(content: dict) -> Found:
    for key in content:
        if key not in KEYS:
            yield (key,), f"a sweep file has no {key!r}; {_near(str(key), KEYS)}"
    for key in ("chapter", "grid"):
        if key not in content:
            yield (), f"{key} is missing."
    if "chapter" in content and not isinstance(content["chapter"], str):
        yield ("chapter",), f"chapter is {content['chapter']!r}; it must be the name of a chapter."
    fixed = content.get("fixed")
    if fixed is not None and not isinstance(fixed, dict):
        yield ("fixed",), f"fixed is {fixed!r}; it must hold lines of the form name: value."
    if "grid" in content and not (isinstance(content["grid"], dict) and content["grid"]):
        yield (
            ("grid",),
            f"grid is {content['grid']!r}; it must hold at least one line of the form name: [value, value].",
        )
    for key in ("fixed", "grid"):
        for name in content[key] if isinstance(content.get(key), dict) else ():
            if not isinstance(name, str):
                yield (key, name), f"{name!r} cannot be the name of a parameter."


def _wrong_values(chapter: Path, fixed: dict, grid: dict) -> Found:
    offered, model = offered_parameters(chapter), CHAPTER_PARAMETERS[chapter.stem]
    for key, names in (("fixed", fixed), ("grid", grid)):
        for name in names:
            if name == "table_file":
                yield (key, name), "table_file cannot be set in a sweep, which keeps the rows itself."
            elif name not in offered:
                yield (key, name), unknown_name(chapter, name)
    known = {name: value for name, value in fixed.items() if name in offered}
    for name, sentence in problems(known, model):
        if name:  # values that contradict one another may not do so in any whole point
            yield ("fixed", name), sentence
    for name, values in grid.items():
        if name in fixed:
            yield ("grid", name), f"{name} is both fixed and in the grid; it can be in one of them."
        if not isinstance(values, list):
            yield (
                ("grid", name),
                f"the grid of {name} is {values!r}; it must be a list, for example [{write_value(values)}].",
            )
        elif not values:
            yield ("grid", name), f"the grid of {name} is empty; it needs at least one value."
        elif name in offered:
            for index, value in enumerate(values):
                for wrong, sentence in problems({name: value}, model):
                    if wrong == name:
                        yield ("grid", name, index), sentence


def _wrong_points(chapter: Path, fixed: dict, grid: dict) -> Found:
    """What only shows in whole points: too many, values that contradict one another, two that are the same."""
    number = math.prod(len(values) for values in grid.values())
    if number > MAX_POINTS:
        yield ("grid",), f"the grid has {number:,} points; at most {MAX_POINTS:,} are allowed."
        return
    model, seen, told = CHAPTER_PARAMETERS[chapter.stem], {}, set()
    for point in _points(fixed, grid):
        varied = ", ".join(f"{name} = {write_value(point[name])}" for name in grid)
        for _, sentence in problems(point, model):
            if sentence not in told:
                told.add(sentence)
                yield ("grid",), f"at {varied}: {sentence}"
        if not told:
            settings = repr(model.model_validate(point))  # 1 and 1.0, or None and the profile's value, are the same
            if settings in seen:
                yield ("grid",), f"the grid holds the same point twice: {varied} and {seen[settings]}."
                return
            seen[settings] = varied


def find_wrong(content: dict, root: Path) -> list[tuple[Place, str]]:
    """Everything that is wrong with a sweep, each with the place where it stands.

    Args:
        content: `chapter`, `grid` and, if wanted, `fixed`, as plain values.
        root: the book's folder.
    """
    wrong = list(_wrong_shape(content))
    if wrong:
        return wrong
    known = chapters(root)
    with_tables = [name for name in known if "table_file" in offered_parameters(known[name])]
    name = content["chapter"]
    if name not in known:
        return [(("chapter",), f"there is no chapter {name!r}; {_near(name, with_tables)}")]
    if name not in with_tables:
        return [(("chapter",), f"the chapter {name} makes no table of rows; choose one of {', '.join(with_tables)}.")]
    fixed, grid = content.get("fixed") or {}, content["grid"]
    return list(_wrong_values(known[name], fixed, grid)) or list(_wrong_points(known[name], fixed, grid))


def check_sweep(chapter: str, grid: dict[str, list], fixed: dict | None, root: Path) -> SweepPlan:
    """A checked sweep from Python values; a range, a tuple or an array stands for the list of its values.

    Raises:
        ParameterError: one sentence for each thing that is wrong.
    """
    grid, fixed = (
        {name: plain_value(value) for name, value in given.items()} if isinstance(given, dict) else given
        for given in (grid, fixed)
    )
    wrong = find_wrong({"chapter": chapter, "grid": grid, "fixed": fixed}, root)
    if wrong:
        raise ParameterError(" ".join(sentence for _, sentence in wrong))
    return SweepPlan(chapters(root)[chapter], fixed or {}, grid)


def _lines(node: Node | None, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """The line, from 1, of every place of a YAML document."""
    if node is None:
        return
    yield place, node.start_mark.line + 1
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, getattr(key, "value", None)))
            yield (*place, getattr(key, "value", None)), key.start_mark.line + 1
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*place, index))


def _parse(text: str) -> tuple[object, dict[Place, int], list[tuple[int, str]]]:
    """The content of a YAML text, the line of each of its places, and what is wrong with it as YAML."""
    try:
        for event in plain_yaml().parse(text):
            if isinstance(event, AliasEvent):
                return None, {}, [(event.start_mark.line + 1, "aliases (*name) are not allowed; write the value out.")]
        return plain_yaml().load(text), dict(_lines(plain_yaml().compose(text))), []
    except DuplicateKeyError as error:
        name = str(error.problem).removeprefix('found duplicate key "').split('" with value')[0]
        return None, {}, [(error.problem_mark.line + 1, f"{name!r} stands there twice.")]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, {}, [(mark.line + 1 if mark else 1, f"this is not YAML: {error.problem or error.context}.")]
    except UNREADABLE as error:
        return None, {}, [(1, f"this is not YAML: {' '.join(str(error).split())}.")]


def read_sweep(path: Path, root: Path | None = None) -> SweepPlan:
    """Read and check a sweep file.

    Args:
        path: the YAML file: `chapter`, `grid` (name → list of values) and, if wanted, `fixed` (name → value).
        root: the book's folder; found from the working folder when None.

    Raises:
        ParameterError: everything that is wrong, one line each, with file and line.
    """
    root = root or project_root()
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ParameterError(f"{path} cannot be read as a sweep file: {reason}.") from None
    if len(data) > MAX_BYTES:
        raise ParameterError(f"{path} is too long for a sweep file; {MAX_BYTES:,} bytes are allowed.")
    content, lines, wrong = _parse(text)
    if not wrong and not isinstance(content, dict):
        wrong = [(1, "a sweep file holds lines of the form name: value, with the names chapter, fixed and grid.")]
    if not wrong:
        # A place without a line of its own, such as a missing key, is told with the line of what holds it.
        for place, sentence in find_wrong(content, root):
            while place not in lines and place:
                place = place[:-1]
            wrong.append((lines.get(place, 1), sentence))
    if wrong:
        raise ParameterError("\n".join(f"{path}:{line}: {sentence}" for line, sentence in sorted(wrong)))
    return SweepPlan(chapters(root)[content["chapter"]], content.get("fixed") or {}, content["grid"])
