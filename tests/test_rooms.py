"""The rooms of the package: imports run one way, downwards, and inside a room in no circle."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from fewerwells.running.reading_order import project_root

ROOT = project_root()
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"


def lint(folder) -> subprocess.CompletedProcess:
    """What the contracts of pyproject.toml say of the package in `folder`/src."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-c", LINT]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_package_keeps_to_its_rooms():
    told = lint(ROOT)
    assert told.returncode == 0, told.stdout


INTRUDERS = {  # where a line is put → the line, and the contract that refuses it
    "science/statistics.py": ("from IPython.display import Markdown", "know no notebooks and no plots"),
    "study/claims.py": ("from fewerwells.book import report", "run downwards only"),
    "running/chapters.py": ("from fewerwells.book.build import build", "run downwards only"),
    "book/build.py": ("from fewerwells.course import launch", "run downwards only"),
    "running/storage.py": ("import fewerwells.running.experiments", "No cycles inside a room"),
    "attic/__init__.py": ("import json", "run downwards only"),  # a room that no contract knows
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "src" / "fewerwells", folder / "src" / "fewerwells")
    return folder


@pytest.mark.parametrize("place", INTRUDERS)
def test_an_import_that_does_not_belong_is_refused(copy, place):
    line, contract = INTRUDERS[place]
    path = copy / "src" / "fewerwells" / place
    before = path.read_text("utf-8") if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        told = lint(copy)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before, encoding="utf-8")
    assert told.returncode == 1
    assert contract in next(line for line in told.stdout.splitlines() if line.endswith("BROKEN"))


def test_what_docstrings_refer_to_is_where_they_say():
    """`module.name`, in any docstring or comment: a module or package of that name binds the name."""
    bound: dict[str, set[str]] = {}
    told = []
    for path in (ROOT / "src" / "fewerwells").rglob("*.py"):
        text, home = path.read_text("utf-8"), path.parent.name if path.stem == "__init__" else path.stem
        nodes = list(ast.walk(ast.parse(text)))
        names = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias)}
        names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        bound[home] = bound.get(home, set()) | names
        told += [(path.name, *found) for found in re.findall(r"`(?:\w+\.)*(\w+)\.(?!js`)(\w+)`", text)]
    places = {module for module in bound if bound[module]}  # a package may bind nothing, and hold modules
    assert [one for one in told if one[1] in places and one[2] not in bound[one[1]] | bound.keys()] == []


SLOW_TO_LOAD = (
    "IPython",
    "matplotlib",
    "nbclient",
    "numba",
    "papermill",
    "scipy.optimize",
    "scipy.stats",
    "sklearn",
    "torch",
)


def test_the_command_starts_without_what_only_some_of_its_verbs_need():
    """Whoever asks for help, or starts one of a hundred workers, waits for no library that he does not use."""
    look = "import fewerwells.cli, json, sys; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = json.loads(finished.stdout)
    assert "fewerwells.running.commands" in loaded
    assert [name for name in SLOW_TO_LOAD if name in loaded] == []
