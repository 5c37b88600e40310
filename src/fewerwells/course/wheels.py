"""Wheels for a room without internet: everything a student's laptop installs, in one folder, for each kind of laptop.

`pip download --platform` chooses files for another system, but decides by *this* system which packages are needed: on
Linux it leaves out what Jupyter needs on Windows, and asks for gigabytes of graphics libraries. So the list is made
here, from what the packages that are installed say they need on the other system, each in the version that is
installed; pip then only fetches.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distributions, version
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

# What the system of a laptop says of itself, where a package's needs depend on it (PEP 508), and which files it runs.
# Of several wheels that fit, pip takes the one named first: on Linux the one for the oldest systems.
_SYSTEMS: dict[str, dict[str, str]] = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
_FILES = {
    "linux": [f"manylinux_2_{minor}_x86_64" for minor in (17, *range(18, 36), 12, 5)] + ["manylinux2014_x86_64"],
    "macos": ["macosx_14_0_arm64"],
    "windows": ["win_amd64"],
}
LAPTOPS = tuple(_SYSTEMS)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# For NVIDIA cards, gigabytes of them; the PyTorch for processors that is fetched needs none.
_GRAPHICS = ("nvidia-", "cuda-", "triton")
# Pure Python that is published as source alone: the wheel that this machine makes of it fits every laptop.
_AS_SOURCE = {"docopt"}
_MICRO = 9  # of a Python 3.12.9, say: some packages refuse a Python's first releases
PYTORCH = "https://download.pytorch.org/whl/cpu"


def environment(laptop: str, python: str) -> dict[str, str]:
    """The markers of a laptop: what packages ask about the system before they say what they need."""
    return _SYSTEMS[laptop] | {
        "python_version": python,
        "python_full_version": f"{python}.{_MICRO}",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.{_MICRO}",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
    }


def needed(requirements: list[str], markers: Mapping[str, str], wheels: Path) -> list[str]:
    """All that has to be installed so that these requirements work, on the system that the markers describe.

    Args:
        requirements: for example "torch==2.13.0".
        markers: as `environment` gives them.
        wheels: a folder whose wheels say what those packages need that this system does not have.

    Returns:
        One line a package, sorted: pinned to the version installed here, or else with the versions that were asked for.
    """
    fetched = [str(path) for path in wheels.glob("*.whl")]
    versions: dict[str, SpecifierSet] = {}
    waiting = [(Requirement(line), "") for line in requirements]
    seen = set()
    while waiting:
        wanted, extra = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name.startswith(_GRAPHICS) or (wanted.marker and not wanted.marker.evaluate({**markers, "extra": extra})):
            continue
        versions[name] = versions.get(name, SpecifierSet()) & wanted.specifier
        package = next(chain(distributions(name=name), distributions(name=name, path=fetched)), None)
        for asked in ("", *wanted.extras):
            if package and (name, asked) not in seen:
                seen.add((name, asked))
                waiting += [(Requirement(line), asked) for line in package.requires or []]
    return sorted(map(_line, versions, versions.values()))


def _line(name: str, asked: SpecifierSet) -> str:
    """A package with the version that is installed here, where it is one of those that were asked for."""
    for package in distributions(name=name):
        here = package.version.split("+")[0]  # 2.13.0+cpu is the same one, made for a kind of machine
        if asked.contains(here, prereleases=True):
            return f"{name}=={here}"
    return f"{name}{asked}"


def fetch(folder: Path, laptop: str, python: str, say: Callable[[str], None]) -> Path:
    """Download what the requirements in a student's folder need on one kind of laptop.

    Args:
        folder: the student's folder; `requirements.txt` is read, `wheels` is written, and kept where it is there.
        laptop: "linux", "macos" (Apple's own processors) or "windows".
        python: the laptop's Python, for example "3.12".
        say: called with one line at the end.

    Returns:
        The folder of the wheels.

    Raises:
        RuntimeError: pip could not fetch or make something; the message holds its report.
    """
    asked = [line for line in (folder / "requirements.txt").read_text("utf-8").splitlines() if not line.startswith("-")]
    own = f"fewerwells=={version('fewerwells')}"  # its wheel is in the folder already
    wheels, markers = folder / "wheels", environment(laptop, python)
    pip = [sys.executable, "-m", "pip"]
    make = [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels)]
    download = [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    download += ["--dest", str(wheels), "--python-version", f"{python}.{_MICRO}"]
    download += [option for tag in _FILES[laptop] for option in ("--platform", tag)]
    build = "+cpu" if laptop == "linux" else ""  # the others' usual PyTorch is the one for processors
    download += ["--extra-index-url", PYTORCH] if build else []
    done = {own}
    while lines := set(needed(asked, markers, wheels)) - done:  # what was fetched may need more
        as_source = {line for line in lines if Requirement(line).name in _AS_SOURCE}
        named = {f"{line}{build}" if line.startswith("torch==") else line for line in lines - as_source}
        for command, packages in ((download, named), (make, as_source)):
            if not packages:
                continue
            finished = subprocess.run([*command, *sorted(packages)], capture_output=True, text=True)
            if finished.returncode != 0:
                raise RuntimeError(f"the wheels for {laptop} were not downloaded:\n{finished.stderr}")
        done |= lines
    size = sum(path.stat().st_size for path in wheels.iterdir()) / 1e6
    say(f"{laptop}, Python {python}: {len(done) - 1} packages; {wheels} now holds {size:.0f} MB")
    return wheels
