"""Plain values in text: read from YAML without surprises, written on one line that reads back as the same value."""

from __future__ import annotations

import json

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.resolver import VersionedResolver

# What ruamel.yaml raises for a text that is no YAML: beside its own errors, those of Python's int and float.
UNREADABLE = (YAMLError, LookupError, ValueError, TypeError, RecursionError)


class _PlainConstructor(SafeConstructor):
    """None, truth values, numbers, text, lists and mappings; a set, a date or bytes are refused."""

    yaml_constructors = {  # noqa: RUF012 - a class attribute of ruamel.yaml
        tag: SafeConstructor.yaml_constructors[tag]
        for tag in (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
    }

    def refuse(self, node: Node):
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        raise ConstructorError(None, None, f"{tag} is no plain value", node.start_mark)


_PlainConstructor.add_constructor(None, _PlainConstructor.refuse)


class _NoDates(VersionedResolver):
    """YAML 1.2, where `no` and 1:30 are text already; 2020-01-01 is, too."""

    def add_version_implicit_resolver(self, version, tag, regexp, first) -> None:
        if not str(tag).endswith(":timestamp"):
            super().add_version_implicit_resolver(version, tag, regexp, first)


def plain_yaml() -> YAML:
    """A reader of YAML 1.2 that makes plain values only and refuses a key that stands there twice."""
    reader = YAML(typ="safe", pure=True)
    reader.Constructor, reader.Resolver = _PlainConstructor, _NoDates
    return reader


def read_value(text: str):
    """The value that a text stands for: 3, 0.5, true, [10, 20], or the text itself.

    Raises:
        ValueError: it is no YAML.
    """
    try:
        return plain_yaml().load(text)
    except UNREADABLE as error:
        raise ValueError(f"{text!r} cannot be read") from error


def plain_value(value):
    """The plain value that Python code means by a range, a tuple, an array or a number of NumPy; others as they are."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, range | tuple | list):
        return [plain_value(item) for item in value]
    return value


def write_value(value) -> str:
    """A plain value, its numbers finite, as one line that `read_value` takes back; what is not plain as Python shows it."""
    if isinstance(value, str):
        try:
            if read_value(value) == value:
                return value
        except ValueError:
            pass
    return json.dumps(value, ensure_ascii=False, default=repr)
