"""What `pip install .` brings: everything that the package imports without an extra, and a word where an extra is missing."""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.book import build
from fewerwells.course.wheels import PYTHONS
from fewerwells.running import identity, reading_order

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Modules that only a command of an extra imports: it says which one is missing.
OF_AN_EXTRA = {
    "course/build.py": "course",
    "course/slides.py": "course",
    "laboratory/measured_files.py": "measured",
    "course/grading.py": "course",
    "course/jail.py": "course",
    "science/nested.py": "rivals",
    "science/symbolic.py": "rivals",
}
# What an extra's packages require themselves and stand for.
BROUGHT_BY = {
    "llvmlite": "numba",
    "pydantic_core": "pydantic",
    "sqlalchemy": "nbgrader",
    "traitlets": "ipykernel",
    "zmq": "jupyter-client",
}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, wherever it does."""
    tree = ast.parse(path.read_text("utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"fewerwells"}


def test_what_the_package_imports_is_declared():
    """Not left to whatever else happens to bring it: `pip install .` once ended in a missing module."""
    distributions = {module: set(map(canonicalize_name, found)) for module, found in packages_distributions().items()}
    package, undeclared = ROOT / "src" / "fewerwells", {}
    for path in package.rglob("*.py"):
        place = path.relative_to(package).as_posix()
        declared = names(PROJECT["dependencies"] + EXTRAS.get(OF_AN_EXTRA.get(place), []))
        for module in imported(path):
            brings = distributions.get(module, {canonicalize_name(module)})
            if not (brings | {BROUGHT_BY.get(module)}) & declared:
                undeclared.setdefault(module, []).append(place)
    assert undeclared == {}


def test_kernels_and_widgets_come_without_an_extra():
    """Chapters run in a kernel and draw widgets."""
    assert {"ipykernel", "anywidget"} <= names(PROJECT["dependencies"])


@pytest.mark.parametrize(("module", "extra"), [("jupyter_book", "book"), ("nbgrader.api", "course"), ("jax", "bench")])
def test_a_missing_extra_is_named(module, extra, monkeypatch):
    def absent(root):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(reading_order, "chapters", absent)
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli.app, ["status"])
    assert result.exit_code == 1
    assert re.fullmatch(rf'[\w-]+ is not installed; pip install "fewerwells\[{extra}\]" brings .*\n', result.output)


def test_a_module_of_ours_that_is_missing_is_no_missing_extra(monkeypatch):
    def absent(root):
        raise ModuleNotFoundError("No module named 'fewerwells.nothing'", name="fewerwells.nothing")

    monkeypatch.setattr(reading_order, "chapters", absent)
    monkeypatch.chdir(ROOT)
    assert isinstance(CliRunner().invoke(cli.app, ["status"]).exception, ModuleNotFoundError)


@pytest.mark.parametrize(("verb", "argument"), [("build", "--no-wheel"), ("grade", ".")])
def test_nor_is_it_one_of_the_course(verb, argument, monkeypatch):
    module = {"build": "fewerwells.course.build", "grade": "fewerwells.course.grading"}[verb]
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(ROOT)
    assert isinstance(CliRunner().invoke(cli.app, ["course", verb, argument]).exception, ModuleNotFoundError)


@pytest.mark.parametrize("library", ["dynesty", "pyoperon"])
def test_a_chapter_has_a_key_without_the_rivals_packages(library, monkeypatch):
    """`pip install .` alone once could run no chapter that has the rivals' learners among its code."""
    real = identity.version
    roots = ["fewerwells.science.learners.formulas", "fewerwells.science.learners.mechanisms"]

    def version(name):
        if name == library:
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(identity, "version", version)
    assert identity.code(roots)[library] == "absent"


def test_the_book_is_refused_without_jupyter_book_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError):
        build.build(tmp_path, "smoke", tmp_path, pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_one_range_of_pythons_is_named_everywhere():
    (least, below) = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    for path in ("Makefile", "src/fewerwells/course/doctor.py"):
        text = (ROOT / path).read_text("utf-8")
        assert re.search(rf"\(3, {least}\) <= \S+ < \(3, {below}\)|\(3, {least}\) <= v < \(3, {below}\)", text), path
        assert f"3.{least} to 3.{int(below) - 1} is needed" in text, path
    every = [f"3.{minor}" for minor in range(int(least), int(below))]
    assert list(PYTHONS) == every
    assert f"You need Python {', '.join(every[:-1])} or {every[-1]}" in (ROOT / "README.md").read_text("utf-8")
