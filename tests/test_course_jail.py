"""What *For teachers* promises of the grader's jail: every line of its table is attacked, as a user and as root."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[course]'")

from fewerwells.course import jail, sandbox
from fewerwells.course.execution import run_bounded
from fewerwells.running.reading_order import project_root

ROOT = project_root(Path(__file__).parent)
ATTACKS = Path(__file__).with_name("jail_attacks.py")
IS_ROOT = os.getuid() == 0
needs_bubblewrap = pytest.mark.skipif(not jail.bubblewrap(), reason="bubblewrap does not work here")
needs_landlock = pytest.mark.skipif(sandbox.landlock_version() < 6, reason="this Linux has no Landlock of version 6")


def promises() -> dict[str, dict[str, bool]]:
    """The table of the page: for each kind of jail whether a line holds."""
    rows = re.findall(
        r"^\| (.+?) \| (yes|no) \| (yes|no) \|$", (ROOT / "book" / "teachers.md").read_text("utf-8"), re.M
    )
    kinds = (jail.BUBBLEWRAP, jail.LANDLOCK)
    return {kind: {row[0]: row[1 + place] == "yes" for row in rows} for place, kind in enumerate(kinds)}


def as_ordinary_user(words: list[str]) -> list[str]:
    """The command, started as one who owns nothing; a Python that lies in root's home is shown to him."""
    if not IS_ROOT:
        return words
    program = jail.candidates()[0]
    home, python = Path.home(), Path(sys.base_prefix)
    shown = ["--tmpfs", str(home), "--ro-bind", str(python), str(python)] if home in python.parents else []
    opened = [word for folder in python.parents if home in folder.parents for word in ("--chmod", "0755", str(folder))]
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return [program, "--dev-bind", "/", "/", *shown, "--chmod", "0755", str(home), *opened, "--", *user, *words]


def start(kind: str, folder: Path, *, as_root: bool) -> subprocess.Popen:
    """All attacks, begun in a folder of their own; the path of a UNIX socket takes 107 bytes at most."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    words = [sys.executable, "-P", str(ATTACKS), kind]
    place = {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(Path(sandbox.__file__).parents[2])}
    with (folder / "said").open("w") as said:
        return subprocess.Popen(
            words if as_root else as_ordinary_user(words), env=os.environ | place, stdout=said, stderr=said
        )


@pytest.fixture(scope="module")
def outcomes():
    """What came of all attacks, by jail and user; they wait most of the time, so they run side by side."""
    folder = Path("/tmp", f"jail-{os.getpid()}")
    cases = [(jail.BUBBLEWRAP, False), (jail.NONE, False)]
    cases += [(jail.BUBBLEWRAP, True)] if IS_ROOT else []
    cases += [(jail.LANDLOCK, False)] if sandbox.landlock_version() >= 6 else []
    started = {(kind, root): start(kind, folder / f"{kind}-{root}", as_root=root) for kind, root in cases}
    found = {}
    for (kind, root), process in started.items():
        process.wait()
        *_, last = (folder / f"{kind}-{root}" / "said").read_text().splitlines()
        assert process.returncode == 0, last
        found[kind, root] = json.loads(last)
    shutil.rmtree(folder)
    return found


@needs_bubblewrap
class TestPromises:
    def test_behind_bubblewrap_as_an_ordinary_user(self, outcomes):
        assert outcomes[jail.BUBBLEWRAP, False] == promises()[jail.BUBBLEWRAP]

    @pytest.mark.skipif(not IS_ROOT, reason="needs root")
    def test_behind_bubblewrap_as_root(self, outcomes):
        assert outcomes[jail.BUBBLEWRAP, True] == promises()[jail.BUBBLEWRAP]

    @needs_landlock
    def test_by_landlock_alone(self, outcomes):
        assert outcomes[jail.LANDLOCK, False] == promises()[jail.LANDLOCK]

    def test_the_attacks_are_attacks(self, outcomes):
        """Without a jail every one of them succeeds that is not held by a limit of the process or by the clock."""
        limits = ("memory", "in all its processes", "a file of", "print", "compute", "interrupted")
        outcome = outcomes[jail.NONE, False]
        assert outcome.keys() == promises()[jail.BUBBLEWRAP].keys()
        assert not any(fine for line, fine in outcome.items() if not any(word in line for word in limits)), outcome


class TestChoice:
    """Which jail is taken, and when there is none."""

    @pytest.fixture(autouse=True)
    def no_memory(self):
        jail.bubblewrap.cache_clear()
        yield
        jail.bubblewrap.cache_clear()

    @needs_bubblewrap
    def test_a_bubblewrap_that_does_not_work_is_passed_over(self, tmp_path, monkeypatch):
        """It is there in many containers, and may not make namespaces."""
        broken = tmp_path / "bwrap"
        broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
        broken.chmod(0o755)
        works = jail.bubblewrap()
        jail.bubblewrap.cache_clear()
        monkeypatch.setattr(jail, "candidates", lambda: [str(broken), "/nowhere/bwrap", works])
        assert jail.bubblewrap() == works

    @pytest.mark.parametrize(
        ("user", "landlock", "words"),
        [(0, 6, "you are root"), (1000, 0, "nothing on this system"), (0, 0, "nothing on this system")],
    )
    def test_what_cannot_be_held_is_refused(self, monkeypatch, user, landlock, words):
        monkeypatch.setattr(jail, "candidates", list)
        monkeypatch.setattr(jail.os, "getuid", lambda: user)
        monkeypatch.setattr(sandbox, "landlock_version", lambda: landlock)
        with pytest.raises(sandbox.SandboxError, match=f"{words}.*bubblewrap.*--unprotected"):
            run_bounded(nbformat.v4.new_notebook())

    def test_an_ordinary_user_is_left_with_landlock(self, monkeypatch):
        monkeypatch.setattr(jail, "candidates", list)
        monkeypatch.setattr(jail.os, "getuid", lambda: 1000)
        monkeypatch.setattr(sandbox, "landlock_version", lambda: 6)
        assert jail.shield() == jail.LANDLOCK


@needs_bubblewrap
class TestHonestWork:
    def test_is_done(self):
        codes = [
            "print(open('mine', 'w').write('x'))",
            "import numpy\nprint(numpy.arange(3).sum())",
            "print(open('mine').read())",
        ]
        cells = [nbformat.v4.new_code_cell(code) for code in codes]
        assert run_bounded(nbformat.v4.new_notebook(cells=cells)) == ""
        printed = ["".join(output.text for output in cell.outputs) for cell in cells]  # a kernel may send it in parts
        assert printed == ["1\n", "3\n", "x\n"]

    def test_goes_on_after_a_cell_was_interrupted(self):
        cells = [nbformat.v4.new_code_cell(code) for code in ("kept = 1", "while True: pass", "print(kept)")]
        assert run_bounded(nbformat.v4.new_notebook(cells=cells), cell_seconds=5) == ""
        assert [output.output_type for output in cells[2].outputs] == ["stream"]
