"""Slides of a lesson: its steps, with figures from the chapters as they were computed and exercises as they are written.

Rendered by nbconvert as a reveal.js page that asks no other host for anything; the scripts come from the packages
sphinx-revealjs and sphinx-mathjax-offline and lie beside the page.
"""

from __future__ import annotations

import base64
import shutil
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from fewerwells.course.lessons import Lesson, Step
from fewerwells.course.source import read, tags

TEMPLATES = files("fewerwells.course") / "templates"


def _slide(kind: str, text: str) -> NotebookNode:
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def figures(executed: list[Path]) -> dict[str, tuple[str, str, str]]:
    """Every figure of executed chapters: name → (image as a data address, alternative text, caption)."""
    found = {}
    for path in executed:
        for cell in read(path).cells:
            render = cell.metadata.get("mystnb", {})
            for output in cell.get("outputs", []):
                image = _address(output.get("data", {}))
                if image and "figure" in render:
                    figure = render["figure"]
                    found[figure["name"]] = (image, render["image"]["alt"], figure["caption"])
    return found


def _address(data: dict) -> str:
    """The picture among the forms of an output as a data address, or "" where there is none."""
    if "image/svg+xml" in data:
        return "data:image/svg+xml;base64," + base64.b64encode(data["image/svg+xml"].encode()).decode()
    return "data:image/png;base64," + data["image/png"].replace("\n", "") if "image/png" in data else ""


def questions(sources: list[Path]) -> dict[str, tuple[str, str]]:
    """Every exercise: number → (its text, the note for teachers)."""
    found, number = {}, ""
    for path in sources:
        for cell in read(path).cells:
            if "exercise" in tags(cell):
                number = cell.id.removeprefix("exercise-").replace("-", ".")
                found[number] = (cell.source, "")
            if "teacher-note" in tags(cell):
                note = cell.source.removeprefix("<details><summary>For teachers</summary>").removesuffix("</details>")
                found[number] = (found[number][0], note.strip())
    return found


def deck(lesson: Lesson, shown: dict, asked: dict) -> NotebookNode:
    """The slides of a lesson as a notebook; what to watch for is in the speaker's notes (press S).

    Raises:
        KeyError: a step names a figure or an exercise that is not there.
    """
    cells = [_slide("slide", f"# {lesson.title}\n\n{lesson.about}")]
    for step in lesson.steps:
        cells.append(_slide("slide", _text(step, shown, asked)))
        notes = [f"{step.minutes} minutes.", step.watch, asked[step.exercise][1] if step.exercise else ""]
        cells.append(_slide("notes", "\n\n".join(filter(None, notes))))
    metadata = {"title": lesson.title, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return new_notebook(cells=cells, metadata=metadata)


def _text(step: Step, shown: dict, asked: dict) -> str:
    parts = [] if step.exercise else [f"## {step.title}"]
    parts.append(step.say)
    if step.exercise:
        parts.append(asked[step.exercise][0])
    if step.figure:
        image, alternative, caption = shown[step.figure]
        parts += [f"![{alternative}]({image})", f"*{caption}*"]
    return "\n\n".join(filter(None, parts))


def write_slides(lesson: Lesson, shown: dict, asked: dict, folder: Path) -> Path:
    """Write the page of a lesson's slides to `folder`, with all that it needs beside it."""
    exporter = SlidesExporter(
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="slides",
        reveal_url_prefix="reveal",
        reveal_theme="white",
    )
    page, _ = exporter.from_notebook_node(deck(lesson, shown, asked))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{lesson.name}.html"
    target.write_text(page, encoding="utf-8")
    _copy_scripts(folder)
    return target


def _copy_scripts(folder: Path) -> None:
    reveal = Path(find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs"
    for name in ("LICENSE", "dist/reveal.js", "dist/reveal.css", "dist/theme/white.css", "plugin/notes/notes.js"):
        (folder / "reveal" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(reveal / name, folder / "reveal" / name)
    shutil.copytree(reveal / "dist/theme/fonts", folder / "reveal/dist/theme/fonts", dirs_exist_ok=True)
    mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    (folder / "mathjax").mkdir(exist_ok=True)
    shutil.copyfile(mathjax / "tex-chtml.js", folder / "mathjax" / "tex-chtml.js")
    fonts = "output/chtml/fonts/woff-v2"
    shutil.copytree(mathjax / fonts, folder / "mathjax" / fonts, dirs_exist_ok=True)
