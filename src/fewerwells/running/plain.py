"""Plain values in text: read from YAML without surprises, written on one line that reads back as the same value."""

from __future__ import annotations

import json
import re

import numpy as np
import yaml


class PlainLoader(yaml.SafeLoader):
    """Safe YAML with the words of YAML 1.2: 1e-3 is a number, `no`, 1:30 and 2020-01-01 are text.

    What is none of null, truth value, number, text, list and mapping (a set, a date, bytes) is refused.
    """

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - a class attribute of PyYAML, emptied on purpose
    yaml_constructors: dict = {}  # noqa: RUF012 - and filled below


def _refuse_tag(loader: PlainLoader, node: yaml.Node):
    problem = f"{node.tag.replace('tag:yaml.org,2002:', '!!')} is no plain value"
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _tag in ("null", "bool", "int", "float", "str", "seq", "map"):
    PlainLoader.add_constructor(
        f"tag:yaml.org,2002:{_tag}", yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"]
    )
PlainLoader.add_constructor(None, _refuse_tag)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
):
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def read_value(text: str):
    """The value that a text stands for: 3, 0.5, true, [10, 20], or the text itself.

    Raises:
        ValueError: it is no YAML.
    """
    try:
        return yaml.load(text, PlainLoader)
    except (yaml.YAMLError, LookupError, ValueError, TypeError, RecursionError) as error:
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
