"""Plain values in text: read from YAML without surprises, written on one line that reads back as the same value."""

from __future__ import annotations

import json
import re

import yaml


class PlainLoader(yaml.SafeLoader):
    """Safe YAML with the words of YAML 1.2: 1e-3 is a number, `no`, 1:30 and 2020-01-01 are text."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - a class attribute of PyYAML, emptied on purpose


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
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{text!r} cannot be read") from error


def write_value(value) -> str:
    """A plain value, its numbers finite, as one line that `read_value` takes back."""
    if isinstance(value, str):
        try:
            if read_value(value) == value:
                return value
        except ValueError:
            pass
    return json.dumps(value, ensure_ascii=False)
