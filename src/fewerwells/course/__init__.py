"""The course made from the book: self-checks, and the forms for students, teachers, slides and graded use."""

from fewerwells.course.checking import Verdict, check

__all__ = ["Verdict", "check"]
