"""What makes a stored number stale: digests of the values and of the code that decide it."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import lru_cache
from pathlib import Path

# The files whose code decides a number in the table; a change in any of them makes stored runs stale: all runs if the
# file is among "all", only those of arms that fit or interpolate if it is among "fits" or "gaussian processes".
_DECIDING = {
    "all": (
        "science/circuits.py",
        "science/datasets.py",
        "science/networks.py",
        "study/protocol.py",
        "study/trials.py",
        "study/evaluation.py",
        "science/training/*.py",
    ),
    "fits": ("science/fitting.py", "science/library.py"),
    "gaussian processes": ("science/gaussian_processes.py",),
}


def digest(value) -> str:
    """Twelve hexadecimal digits that stand for a value made of plain types."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _statements(source: str) -> str:
    """A module's code as Python understands it: comments, layout and docstrings do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@lru_cache
def source_digest(*parts: str) -> str:
    """Digest of the package's code that decides the numbers.

    Args:
        parts: what decides besides the code that decides for all: "fits", "gaussian processes".
    """
    root = Path(__file__).parents[1]
    files = sorted(path for part in ("all", *parts) for pattern in _DECIDING[part] for path in root.glob(pattern))
    return digest([(path.relative_to(root).as_posix(), _statements(path.read_text("utf-8"))) for path in files])
