"""Files as they are out there: full disks, folders that are files, two of one name, names that a locale cannot read."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.running import publishing, stored_networks, sweep_tables
from fewerwells.running.chapters import execute
from fewerwells.running.parameters import ParameterError
from fewerwells.running.storage import read_rows, results_folder, write_whole
from fewerwells.science.networks import initialise

CHAPTER = "10_engine"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of one chapter; the working folder is its own."""
    root = tmp_path / "bücher"
    (root / "notebooks").mkdir(parents=True)
    (root / "_toc.yml").write_text(f"root: notebooks/{CHAPTER}\nparts: []\n")
    cell = nbformat.v4.new_code_cell('profile = "paper"  # size', metadata={"tags": ["parameters"]}, id="parameters")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), root / "notebooks" / f"{CHAPTER}.ipynb")
    monkeypatch.chdir(root)
    return root


def invoke(*words: str):
    return CliRunner().invoke(cli.app, list(words))


class TestFullDisk:
    def test_the_file_is_named_though_the_system_does_not(self, tmp_path, monkeypatch):
        """What a full disk says of a file that is open already: an error without a name."""

        def full(handle):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as refused:
            write_whole(tmp_path / "rows.csv", b"1")
        assert refused.value.filename == str(tmp_path / "rows.csv")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("place", ["absent/rows.csv", "file/rows.csv", "folder"])
    def test_it_is_named_as_it_was_asked_for_and_not_as_its_part(self, tmp_path, place):
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        with pytest.raises(OSError, match=place) as refused:
            write_whole(tmp_path / place, b"1")
        assert refused.value.filename == str(tmp_path / place)
        assert ".part" not in str(refused.value)
        assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs a limit on the size of files")
    def test_so_is_that_of_a_network_and_nothing_of_it_stays(self, tmp_path):
        """safetensors says how the disk refused, but not which file, and leaves what it has written."""
        import resource

        networks = initialise((2, 200, 2), [0], output_scale=1.0)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(OSError, match="File too large") as refused:
                stored_networks._keep(networks, tmp_path / "seed-00000.safetensors", 1.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert refused.value.filename == str(tmp_path / "seed-00000.safetensors")
        assert refused.value.errno == errno.EFBIG
        assert list(tmp_path.iterdir()) == []

    def test_book_says_so_in_a_sentence(self, book):
        (book / "_build").write_text("a file where a folder should be")  # root may write to read-only folders
        result = invoke("book", "--profile", "smoke")
        assert result.exit_code == 2
        assert result.output == f"Refused: the book cannot be built: {book / '_build'} is not a folder.\n"

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EINVAL])
    def test_so_does_publish(self, book, monkeypatch, code):
        def refuse(folder, say):
            raise OSError(code, os.strerror(code), str(folder / "experiment_1.csv"))

        monkeypatch.setattr(publishing, "publish", refuse)
        result = invoke("publish")
        assert result.exit_code == 1
        assert result.output == f"{book}/results/experiment_1.csv cannot be read or written: {os.strerror(code)}.\n"

    def test_an_error_that_is_of_no_file_is_not_hidden(self, book, monkeypatch):
        def refuse(folder, say):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

        monkeypatch.setattr(publishing, "publish", refuse)
        assert isinstance(invoke("publish").exception, ConnectionRefusedError)


NO_PLACES = ["file/x", "/proc/x"]  # which says that root may write there, and lets nobody


@pytest.mark.parametrize("folder", NO_PLACES)
class TestPlacesAreLookedAtBeforeTheWork:
    """Nothing is run whose outcome could not be written in the end."""

    @pytest.fixture(autouse=True)
    def there(self, book, folder, monkeypatch):
        if folder.startswith("/proc") and not Path("/proc").is_dir():
            pytest.skip("this system has no /proc")
        (book / "file").touch()

    def refused(self, *words: str):
        result = invoke(*words)
        assert result.exit_code == 2, result.output
        assert re.fullmatch("Refused: .*(is not a folder|No such file or directory)\\.\n", result.output)

    def test_of_a_chapter(self, folder):
        self.refused("run", CHAPTER, f"{folder}/out.ipynb")

    def test_of_the_book(self, folder):
        self.refused("book", "--profile", "smoke", "--output", folder)

    def test_of_networks(self, folder):
        self.refused("pretrain", "in-context", "--steps", "1", "--output", f"{folder}/weights.safetensors")

    def test_of_the_course(self, folder):
        self.refused("course", "build", "--profile", "smoke", "--output", folder)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes in another way")
@pytest.mark.parametrize("words", [("run", CHAPTER), ("book", "--profile", "smoke")])
def test_a_kernel_that_the_system_has_ended_is_told_in_a_sentence(book, words):
    path = book / "notebooks" / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(
        nbformat.v4.new_code_cell("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", id="end")
    )
    nbformat.write(notebook, path)
    result = invoke(*words)
    assert result.exit_code == 1, result.exception
    assert f"{CHAPTER}: its kernel died" in result.output


class TestTwoSweepsOfOneName:
    SWEEP = "chapter: 03_experiment_1\nfixed: {profile: smoke}\ngrid: {noise: [1.0]}\n"

    def written(self, folder: Path, own_results: Path) -> Path:
        folder.mkdir()
        file = folder / "grid.yml"
        file.write_text(self.SWEEP)
        return file

    def test_the_second_is_refused_before_it_runs_and_the_first_may_run_again(self, tmp_path, own_results):
        one, two = (self.written(tmp_path / name, own_results) for name in ("one", "two"))
        path = sweep_tables.table_path(one)
        path.parent.mkdir(parents=True)
        path.write_text("noise\n1.0\n")
        path.with_suffix(".json").write_text(json.dumps({"sweep": str(one.resolve())}))
        assert sweep_tables.table_path(one) == path
        with pytest.raises(
            ParameterError, match=r"grid\.csv holds the table of .*one.*grid\.yml; .* rename one of them"
        ):
            sweep_tables.run_sweep_file(two, None, pytest.fail)
        one.unlink()
        assert sweep_tables.table_path(two) == path, "nobody else claims it any longer"

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"sweep": 3}'])
    def test_a_record_that_says_nothing_stands_in_nobodys_way(self, tmp_path, own_results, content):
        file = self.written(tmp_path / "one", own_results)
        path = sweep_tables.table_path(file)
        path.parent.mkdir(parents=True)
        path.with_suffix(".json").write_text(content)
        assert sweep_tables.table_path(file) == path


def test_a_folder_whose_name_the_locale_cannot_read_is_no_obstacle(book, own_results):
    """In the locale C, where Python falls back to ASCII."""
    (book / "notebooks" / f"{CHAPTER}.ipynb").write_text(
        (book / "notebooks" / f"{CHAPTER}.ipynb").read_text().replace("size", "size ∅"), encoding="utf-8"
    )
    unset = ("LANG", "PYTHONUTF8", "PYTHONIOENCODING")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    words = [sys.executable, "-m", "fewerwells.cli", "run", CHAPTER, "out/bücher.ipynb"]
    finished = subprocess.run(words, env=environment, capture_output=True, timeout=300)
    assert finished.returncode == 0, finished.stderr.decode(errors="replace")
    assert nbformat.read(book / "out" / "bücher.ipynb", as_version=4)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8:strict"])
def test_what_is_printed_is_utf_8_wherever_it_goes(tmp_path, encoding):
    """A file or a pipe on Windows takes other bytes, and none for λ; and a file's name may be no text."""
    if encoding == "utf-8:strict" and os.name == "nt":
        pytest.skip("Windows has no such names")
    name = os.fsdecode(b"\xff.csv") if encoding == "utf-8:strict" else "λ.csv"
    (tmp_path / name).write_text("λ (nM),y\n" + "".join(f"{dose},{dose}\n" for dose in range(8)), encoding="utf-8")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    words = [sys.executable, "-m", "fewerwells.cli", "plate", name, "--look"]
    finished = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True)
    assert finished.returncode == 0, finished.stderr.decode(errors="replace")
    assert "input λ (nM): 8 doses" in finished.stdout.decode("utf-8")


def test_a_name_that_is_no_text_is_refused_in_a_sentence(book):
    strange = book / "notebooks" / os.fsdecode(b"\xff.ipynb")
    with pytest.raises(ParameterError, match="set PYTHONUTF8=1, or rename it"):
        execute(strange, book / "out.ipynb", {})


def test_outside_the_book_it_is_said_where_results_go(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("FEWERWELLS_RESULTS")
    monkeypatch.chdir(tmp_path)
    assert results_folder() == tmp_path.resolve() / "results"
    assert f"not inside the book's folder; results are kept in {tmp_path.resolve()}/results" in caplog.text


def test_a_sweeps_table_is_read_with_its_keys_as_text():
    assert read_rows(b"arm,point\nscratch,1e5\n")["point"].tolist() == ["1e5"]
