"""Links that open the course elsewhere: Binder, Colab and a school's JupyterHub, all from one repository address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

import yaml

from fewerwells.running.reading_order import chapters, exercise_notebooks

BINDER = "https://mybinder.org/v2/{host}/{name}/HEAD?urlpath=lab/tree/{path}"
COLAB = "https://colab.research.google.com/github/{name}/blob/HEAD/{path}"
HUB = "https://HUB/hub/user-redirect/git-pull?repo={url}&urlpath=lab/tree/{folder}/{path}"


# Launch buttons of the book's pages, for the theme; they appear where an address is set.
BUTTONS = {
    "notebook_interface": "jupyterlab",
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
}


def repository(root: Path) -> str:
    """The one address from which launchers fetch the course: `repository.url` of `_config.yml`, or ""."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def link_table(paths: list[str], url: str) -> str:
    """A Markdown table of launch links for notebooks of a GitHub repository.

    Args:
        paths: notebooks, as seen from the repository's folder.
        url: its address, https://github.com/OWNER/NAME.

    Raises:
        ValueError: the address is not one of a GitHub repository.
    """
    parts = urlsplit(url)
    name = parts.path.strip("/").removesuffix(".git")
    if parts.hostname != "github.com" or name.count("/") != 1:
        raise ValueError(f"repository.url in _config.yml is {url!r}; it must be https://github.com/OWNER/NAME.")
    lines = ["| notebook | Binder | Colab | JupyterHub |", "| --- | --- | --- | --- |"]
    for path in paths:
        words = {
            "host": "gh",
            "name": name,
            "path": quote(path),
            "url": quote(f"https://github.com/{name}", safe=""),  # nbgitpuller names the folder by the address's end
            "folder": name.split("/")[1],
        }
        links = [f"[open]({pattern.format(**words)})" for pattern in (BINDER, COLAB, HUB)]
        lines.append(f"| {path} | {' | '.join(links)} |")
    return "\n".join(lines)


def links(root: Path, url: str) -> str:
    """A page of launch links for all chapters and exercises, or what to do where no address is set."""
    if not url:
        return (
            "# Open elsewhere\n\nPublish the student's folder as a GitHub repository, write its address into `_config.yml`"
            " (`repository: {url: https://github.com/OWNER/NAME}`), and build the course again: the links for Binder, Colab"
            " and a JupyterHub with nbgitpuller will stand here.\n"
        )
    paths = [p.relative_to(root).as_posix() for p in (*chapters(root).values(), *exercise_notebooks(root).values())]
    return f"# Open elsewhere\n\nIn the last column, replace HUB by the name of your school's hub.\n\n{link_table(paths, url)}\n"
