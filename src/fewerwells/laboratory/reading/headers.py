"""What a column's name says: substance and unit, a dose or a signal, a logarithm."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fewerwells.science.units import UNITS, unit_of

_BRACKETED = re.compile(r"(?P<name>.*?)[\s_]*[\[(](?P<unit>[^\])]+)[\])]\s*")
_SUFFIX = re.compile(r"(?P<name>.*?)[\s_]+(?:in[\s_]+)?(?P<unit>[^\s_]+(?:[_/][A-Za-z]+)?)")
_MINUS = r"(?P<minus>(?:[-\u2212\u2013]|(?i:neg(?:ative)?\.?|minus))[\s_]*)?"
_LOG = re.compile(
    _MINUS + r"(?:(?i:log)_?(?P<base>10|2|e(?=[\s_(]))?[\s_(]*(?=[A-Z\W_]|(?i:conc|dose|x\d))"
    r"|(?P<short>(?i:ln|lg))(?=[\s_(\[]))"
)
_LOG_WITHIN = re.compile(  # behind the name or with the unit: IPTG_log10_uM, IPTG (log10 uM)
    r"(?<=[\s_(\[,])" + _MINUS + r"(?:(?i:log)_?(?P<base>10|2|e)?|(?P<short>(?i:ln|lg)))(?=[\s_()\[\],]|$)"
)
_NEGATIVE = re.compile(r"p(?=[A-Z][A-Za-z])")  # pIPTG (M), as in pIC50
_DOSE = re.compile(
    r"(^|[^a-z])(conc|concs|concentration|concentrations|dose|doses)[_ ]?\d*([^a-z]|$)|^[xd]_?\d$|^x$|standard value",
    re.IGNORECASE,
)
BOOKKEEPING = re.compile(
    r"(well|well0|wells|row|col|column|row_i|col_j|position|replicate|rep|plate|plate_?id|platenumber|date|time|index|id"
    r"|username|user|volume\w*|date.*|.*_unit|units?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Header:
    """A column's name taken apart.

    Attributes:
        name: what it is called without unit and logarithm.
        unit: one of `units.UNITS`, or "" where the name holds none.
        log: "10" where it says log10, "?" where it only says log or lg, "other" where it says another base or the
            negative of a logarithm, "" where it says none.
    """

    name: str
    unit: str
    log: str


def take_apart(text: str) -> Header:
    """Name and unit of a header such as IPTG_uM, x1 [nM], ligand (µM), ug_mL, log10 IPTG [M]."""
    plain = text.strip()
    logarithm = _LOG.match(plain) or _LOG_WITHIN.search(plain)
    log = _said_log(logarithm) if logarithm else ""
    rest = plain
    if logarithm:
        rest = (
            f"{plain[: logarithm.start()]}{plain[logarithm.end() :]}".replace("()", "").replace("[]", "").strip(" _,")
        )
    elif _NEGATIVE.match(plain) and take_apart(plain[1:]).unit == "M":  # in nM it is a plasmid: pLac (nM)
        return replace(take_apart(plain[1:]), log="other")
    if unit := unit_of(rest):
        return Header(plain, unit, log)
    for pattern in (_BRACKETED, _SUFFIX):
        found = pattern.fullmatch(rest)
        if found and (unit := unit_of(found["unit"])):
            return Header(found["name"].strip(" _") or plain, unit, log)
    words = rest.replace("_", " ").split()
    for n in (2, 1):
        if len(words) > n and (unit := unit_of("/".join(words[-n:]))):
            return Header(" ".join(words[:-n]), unit, log)
    return Header(rest or plain, "", log)


def _said_log(found: re.Match) -> str:
    """Which logarithm the words for one say, as `Header.log` has it."""
    if found["minus"] or found["base"] in ("2", "e") or (found["short"] or "").lower() == "ln":
        return "other"
    return "10" if found["base"] else "?"


def is_dose(text: str) -> bool:
    """Whether a name speaks of a concentration: by its unit (other than a percentage) or by a word for it."""
    if text.strip().startswith("["):  # Gen5's way to write a computed result
        return False
    header = take_apart(text)
    return header.unit not in ("", "%") or bool(_DOSE.search(text))


def is_percentage(text: str) -> bool:
    """Whether a name's unit is a percentage, which may be a dose or a signal."""
    return take_apart(text).unit == "%"


def is_bookkeeping(text: str) -> bool:
    """Whether a column only says which well, which plate, when and by whom."""
    return bool(BOOKKEEPING.fullmatch(text.strip()))


def split_option(text: str) -> tuple[str, str | None]:
    """Name and unit of an option such as IPTG=uM, with the unit checked.

    Raises:
        ValueError: a unit that nobody knows.
    """
    name, _, unit = text.rpartition("=") if "=" in text else (text, "", "")
    if not unit:
        return name or text, None
    log, plain = ("log10 ", unit[6:].strip()) if unit.lower().startswith("log10 ") else ("", unit)
    known = unit_of(plain)
    if known is None:
        raise ValueError(f"there is no unit {plain!r}; choose one of {', '.join(UNITS)}.")
    return name, log + known
