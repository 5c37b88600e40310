"""What makes a stored number stale, derived and never listed: resolved values, the code behind them, library versions.

A value stands for itself: a learner or a circuit is written down with its class and every field that is not at its
default, so a new field changes no identity. Its code is found by following imports from the modules of those classes;
comments, layout, docstrings, the spelling of imports and the version of Python do not count. Libraries count where that
code imports them and they decide digits.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from fewerwells.science.circuits import Circuit
from fewerwells.science.systems import System
from fewerwells.study.protocol import Cell, Protocol

PACKAGE = "fewerwells"
# Libraries whose rounding or algorithms decide digits: the name they are imported by → the distribution.
DECIDING_LIBRARIES = {
    "dynesty": "dynesty",
    "numba": "numba",
    "numpy": "numpy",
    "pyoperon": "pyoperon",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))
_INSTALLED_IN = {"site-packages", "dist-packages"}  # of the user, the system, another environment
_NO_DATA = ((".", "#"), (".py", ".pyc", "~", ".bak", ".orig", ".rej"))  # code, and what editors and file managers leave


def digest(value) -> str:
    """Twelve hexadecimal digits that stand for a value made of plain types."""
    return _short(json.dumps(value, sort_keys=True, default=str))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def plain(value):
    """A value as plain types: of a dataclass its class and the fields that are not at their defaults, or what it says itself, `told`.

    Raises:
        TypeError: something that cannot be written down, such as an anonymous function.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    if hasattr(value, "told"):
        return plain(value.told)
    if isinstance(value, System):
        return {"is": _called(type(value))} | plain(value.description())
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.compare}
        defaults = {field.name: _default(field) for field in dataclasses.fields(value)}
        told = {name: plain(one) for name, one in fields.items() if one is not defaults[name] and one != defaults[name]}
        return {"is": _called(type(value))} | told
    if callable(value) and "<" not in _called(value):
        return _called(value)
    raise TypeError(f"{value!r} has no name to know it by again; a learner holds plain values and other learners.")


def _default(field: dataclasses.Field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _called(thing) -> str:
    """A name that outlives moves within the package, where no two classes share one."""
    ours = thing.__module__.split(".")[0] == PACKAGE
    return thing.__qualname__ if ours else f"{thing.__module__}.{thing.__qualname__}"


def modules_of(value) -> set[str]:
    """The modules in which a value's class, and those of all that it holds, are written."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(modules_of, value))
    if isinstance(value, System) and not dataclasses.is_dataclass(value):
        return {type(value).__module__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return {type(value).__module__, *getattr(value, "written_in", ())} | modules_of(held)
    return {value.__module__} if isinstance(value, Callable) and hasattr(value, "__module__") else set()


def statements(source: str) -> str:
    """A module's code as Python understands it: comments, layout, docstrings and the spelling of imports do not count."""
    return _statements(*_parsed(source))


def _parsed(source: str) -> tuple[ast.Module, list[ast.AST]]:
    """A module, and all its nodes: every process asks for some ninety modules, and each walk through them takes a while."""
    tree = ast.parse(source)
    return tree, list(ast.walk(tree))


def _statements(tree: ast.Module, nodes: list[ast.AST]) -> str:
    """The same of a parsed module, which is changed by it."""
    full = _imported_names(nodes)
    for node in nodes:
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return _dump(_InFull(full).visit(tree))


def _dump(node) -> str:
    """What `ast.dump` says of a node in Python 3.11, said in every later one, too.

    From 3.12 on it names type parameters, from 3.13 on it leaves out empty lists, and published rows would be of other
    code wherever another Python reads them.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    told = [
        f"{name}={_dump(value)}"
        for name, value in fields.items()
        if not (value is None and getattr(type(node), name, ...) is None) and (name != "type_params" or value)
    ]
    return f"{type(node).__name__}({', '.join(told)})"


def _imported_names(nodes: list[ast.AST]) -> dict[str, str]:
    """What names stand for that a module binds by imports and in no other way: `np` → `numpy`.

    Names that Python itself has are left as they are: an import inside one function does not change them in another.
    """
    bound: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if (full := _full_name(node, alias)) is not None:
                    bound.setdefault(alias.asname or alias.name.split(".")[0], set()).add(full)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.setdefault(node.id, set()).add("")
        else:  # functions, classes, arguments, errors that are caught, patterns, keywords
            for name in (getattr(node, "name", None), getattr(node, "arg", None), getattr(node, "rest", None)):
                if name is not None and not isinstance(node, ast.alias | ast.keyword):
                    bound.setdefault(name, set()).add("")
    imported_only = {name: fulls for name, fulls in bound.items() if len(fulls) == 1 and "" not in fulls}
    return {name: full for name, (full,) in imported_only.items() if name not in vars(builtins)}


def _full_name(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str | None:
    """What an import binds, by its full name; None for one that is not spelt out, or changes the language."""
    if isinstance(node, ast.Import):
        return alias.name if alias.asname else alias.name.split(".")[0]
    if node.level or alias.name == "*" or node.module == "__future__":
        return None
    return f"{node.module}.{alias.name}"


class _InFull(ast.NodeTransformer):
    """Writes imported things by their full names where they are used, and leaves their imports out.

    `imported` says which modules are imported.
    """

    def __init__(self, full: Mapping[str, str]):
        self._full = full

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.AST | None:
        bound = {alias.asname or alias.name.split(".")[0] for alias in node.names}
        return None if bound <= self._full.keys() else node

    visit_ImportFrom = visit_Import

    def visit_If(self, node: ast.If) -> ast.AST | None:
        self.generic_visit(node)
        return node if node.body or node.orelse else None  # held imports for those who read types

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"import {self._full[node.id]}", node.ctx) if node.id in self._full else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id.startswith("import "):
            return ast.Name(f"{node.value.id}.{node.attr}", node.ctx)
        return node


@lru_cache
def _root(top: str) -> Path | None:
    """The folder in which a top-level module of ours lies; None for the standard library and installed packages."""
    if top in sys.stdlib_module_names:
        return None
    found = importlib.util.find_spec(top)
    if found is None or not found.origin:
        return None
    path = Path(found.origin).resolve()
    if top != PACKAGE and (_INSTALLED_IN & {*path.parts} or any(path.is_relative_to(folder) for folder in _INSTALLED)):
        return None
    return path.parent.parent if path.name == "__init__.py" else path.parent


@lru_cache
def _file(module: str) -> Path | None:
    """Where a module of ours is written, found without importing it; None for all others and for what is no module."""
    top, *_ = parts = module.split(".")
    if (root := _root(top)) is None:
        return None
    path = root.joinpath(*parts)
    for candidate in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if candidate.is_file():
            return candidate
    return None


def imported(source: str) -> tuple[set[str], set[str]]:
    """What code imports: modules of ours, and the libraries that decide digits."""
    return _imported(_parsed(source)[1])


def _imported(nodes: list[ast.AST]) -> tuple[set[str], set[str]]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    libraries = {DECIDING_LIBRARIES[top] for top in (name.split(".")[0] for name in names) if top in DECIDING_LIBRARIES}
    ours = {name for name in names if name.split(".")[0] not in DECIDING_LIBRARIES and _file(name)}
    # `from package import module` names the package too, whose own code then only passes the module on
    passed_on = {name for name in ours if _is_package(name) and any(one.startswith(f"{name}.") for one in ours)}
    return ours - passed_on, libraries


def _is_package(module: str) -> bool:
    path = _file(module)
    return path is not None and path.name == "__init__.py"


@lru_cache
def _module(name: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Digest of a module and the data files beside it, and what it imports."""
    path = _file(name)
    tree, nodes = _parsed(path.read_text("utf-8"))
    ours, libraries = _imported(nodes)
    top = name.split(".")[0]
    folders = [path.parent, *(p for p in path.parents if _root(top) / top in p.parents)]
    starts, ends = _NO_DATA
    beside = {p for f in folders for p in f.iterdir() if not p.name.startswith(starts) and not p.name.endswith(ends)}
    data = sorted(p for p in beside if p.is_file())
    found = digest([_statements(tree, nodes), [(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in data]])
    return found, frozenset(ours), frozenset(libraries)


def written(roots: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Size and time of change of every module behind some modules, by its file, as they are on disk now."""
    states = {path: path.stat() for path in filter(None, map(_file, code(roots)))}
    return {str(path): (state.st_size, state.st_mtime_ns) for path, state in states.items()}


def _version(library: str) -> str:
    """Of an installed library; "absent" of one that only an extra brings, whose arms then do not run at all."""
    try:
        return version(library).split("+")[0]
    except PackageNotFoundError:
        return "absent"


def code(roots: Iterable[str], without: Iterable[str] = ()) -> dict[str, str]:
    """Digests of the modules that some modules import, themselves included, and versions of the libraries.

    Args:
        roots: names of modules.
        without: modules that take no part, with what only they import.
    """
    found, used, waiting = {}, set(), {name for name in roots if _file(name)} - set(without)
    while waiting:
        name = waiting.pop()
        found[name], ours, libraries = _module(name)
        used |= libraries
        waiting |= ours - set(found) - set(without)
    return found | {library: _version(library) for library in used}


def settings(cell: Cell, protocol: Protocol) -> dict:
    """Everything that fixes the outcome of a cell but the seed, as plain values: the same for equal work on equal data."""
    n, learner = cell.volume(protocol), cell.learner(protocol)
    wells = {"n": n, "domain": plain(cell.domain)} if n else {"n": 0}
    if n and isinstance(cell.target, Circuit):  # any other system knows its own noise
        wells["noise"] = protocol.noise
    if cell.chosen:
        wells["chosen"] = plain(cell.chosen)
    return {"arm": cell.arm, "learner": plain(learner), "target": plain(cell.target), "wells": wells}


_SEED = "the seed's place"


def row_hashes(cell: Cell, protocol: Protocol, seeds: Iterable[int]) -> tuple[str, list[str]]:
    """The `settings_hash` of a cell's rows, and for each seed the `parameter_hash` of its row."""
    fixed = settings(cell, protocol)
    # written down once for all seeds, because a chapter asks for tens of thousands of rows
    before, after = json.dumps(fixed | {"seed": _SEED}, sort_keys=True, default=str).split(json.dumps(_SEED))
    return digest(fixed), [_short(f"{before}{json.dumps(seed)}{after}") for seed in seeds]


@lru_cache
def _engine_code(roots: frozenset[str], engine: str) -> str:
    """Digest of the code behind some modules, with the one engine that trains."""
    training = f"{PACKAGE}.science.training"
    found = code(roots)
    if training in found:
        others = {f"{training}.{name}" for name in ("reference", "fused") if name != engine}
        found = code({*roots, f"{training}.{engine}"}, without=others)
    return digest(found)


def cell_code(cell: Cell, protocol: Protocol, engine: str) -> str:
    """Digest of the code and the libraries that a cell's rows come from, the engine among them where one trains."""
    roots = modules_of([cell.learner(protocol), cell.target, cell.chosen]) | {f"{PACKAGE}.study.evaluation"}
    if cell.intervals:
        roots.add(f"{PACKAGE}.study.intervals_held")
    return _engine_code(frozenset(roots), engine)


def cell_key(cell: Cell, protocol: Protocol, seeds: Iterable[int], engine: str) -> str:
    """The key of a cell over some seeds: settings, seeds, code and libraries."""
    return digest(settings(cell, protocol) | {"seeds": list(seeds), "code": cell_code(cell, protocol, engine)})


def pretraining_key(learner, engine: str) -> str:
    """The key of the networks of a pre-training, one a seed."""
    return digest(
        {"learner": plain(learner), "engine": engine, "code": _engine_code(frozenset(modules_of(learner)), engine)}
    )
