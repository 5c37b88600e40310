"""Lesson plans to the minute, read from `exercises/lessons.yml` and checked against the exercises that they name."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from fewerwells.course import times
from fewerwells.course.source import Exercise, exercises, read
from fewerwells.running.reading_order import exercise_notebooks


class Step(BaseModel):
    """One step of a lesson.

    Attributes:
        minutes: how long it takes.
        title: what it is about.
        say: what its slide shows, Markdown.
        figure: the name of a chapter's figure, or "".
        exercise: the number of an exercise, or "".
        watch: what only the teacher reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    minutes: int = Field(gt=0)
    title: str
    say: str = ""
    figure: str = ""
    exercise: str = ""
    watch: str = ""


class Lesson(BaseModel):
    """One class or one session of a module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    about: str
    steps: list[Step]

    @property
    def minutes(self) -> int:
        """How long the lesson takes."""
        return sum(step.minutes for step in self.steps)


def read_lessons(root: Path) -> list[Lesson]:
    """The lesson plans of the course, in order."""
    return [Lesson(**plan) for plan in yaml.safe_load((root / "exercises" / "lessons.yml").read_text("utf-8"))]


def all_exercises(root: Path) -> dict[str, Exercise]:
    """Every exercise of the course by its number."""
    return {each.number: each for path in exercise_notebooks(root).values() for each in exercises(read(path))}


def plan_table(lesson: Lesson) -> str:
    """A lesson plan as a Markdown table, with the minute at which each step begins."""
    lines = ["| from | minutes | step | exercise | watch for |", "| ---: | ---: | --- | --- | --- |"]
    start = 0
    for step in lesson.steps:
        cells = (str(start), str(step.minutes), step.title, step.exercise or "–", step.watch or "–")
        lines.append("| " + " | ".join(cells) + " |")
        start += step.minutes
    return "\n".join(lines)


def plans(root: Path) -> str:
    """All lesson plans as Markdown: a heading, a sentence and a table each."""
    return "\n\n".join(
        f"### {lesson.title}\n\n{lesson.about} {lesson.minutes} minutes.\n\n{plan_table(lesson)}"
        for lesson in read_lessons(root)
    )


def exercise_table(root: Path) -> str:
    """All exercises as a Markdown table: number, title, kind, minutes and points."""
    lines = ["| number | exercise | kind | minutes | points |", "| --- | --- | --- | ---: | ---: |"]
    lines += [
        f"| {each.number} | {each.title} | {each.kind} | {each.minutes} | {each.points} |"
        for each in all_exercises(root).values()
    ]
    return "\n".join(lines)


def fill(text: str, root: Path) -> str:
    """The page *For teachers* with its tables in the places that wait for them.

    Args:
        text: the page's Markdown.
        root: the book's folder, or the copy of it that is being rendered.
    """
    return (
        text.replace("<!-- lesson plans -->", plans(root))
        .replace("<!-- exercises -->", exercise_table(root))
        .replace("<!-- measured times -->", times.table(root))
    )
