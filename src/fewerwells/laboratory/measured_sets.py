"""Measured systems of the chapter *Measured wells*, with the models that their authors published.

Both inputs of a system count as shares of their largest dose, from 0 to 20 as in the book's domain, so that 0–10 is the
lower half of either input; a condition that reaches beyond it is a high dose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from fewerwells.laboratory import measured_files as files
from fewerwells.laboratory.galactose import galactose_switch
from fewerwells.laboratory.surfaces import Form, hill
from fewerwells.science.datasets import BIG, Domain
from fewerwells.science.measured import Measured

LOWER_HALF = Domain("the lower half of both doses", 0.0, BIG.high / 2)
FROM_IPTG = 5000.0  # µM, the largest dose
MOST_REPRESSORS = 1740.0
SITES = 4.6e6  # places on the chromosome where a repressor binds without effect
INACTIVE = np.exp(-4.5)  # weight of the inactive state without inducer
PUBLISHED = {"K_A": 139.0, "K_I": 0.53, "binding": float(np.exp(13.9))}  # µM, µM, e^−βΔε of operator O2


def _repressed(s: np.ndarray, p: dict) -> list[np.ndarray]:
    """Fold change under an allosteric repressor (Razo-Mejia et al. 2018)."""
    copies, iptg = MOST_REPRESSORS * s[:, 0], FROM_IPTG * s[:, 1]
    active = (1 + iptg / p["K_A"]) ** 2
    active = active / (active + INACTIVE * (1 + iptg / p["K_I"]) ** 2)
    return [1 / (1 + active * copies / SITES * p["binding"])]


def _bound_factor(s: np.ndarray, p: dict) -> np.ndarray:
    """How much factor has bound hormone, as a share of the largest amount of factor; depletion counts."""
    hormone, factor = s[:, 0], s[:, 1] * p["amount"]
    total = hormone + factor + p["K_X"]
    return (total - np.sqrt(np.maximum(total**2 - 4 * hormone * factor, 0))) / 2 / p["amount"]


def _occupied(s: np.ndarray, p: dict) -> np.ndarray:
    bound = _bound_factor(s, p)
    return hill(bound + p["basal"] * (s[:, 1] - bound), p["K"], p["n1"])


_HORMONE_BOUNDS = (
    ("K", (1e-4, 10.0)),
    ("K_X", (1e-4, 10.0)),
    ("amount", (1e-4, 10.0)),
    ("basal", (1e-4, 1.0)),
    ("drive", (0.1, 100.0)),
)
_ALLOSTERIC = ("amount", "K_X", "basal", "K", "n1")
HORMONE_MODELS = {  # Gómez-Schiavon et al. 2020
    "simple Hill": Form(
        ("K", "n1"),
        lambda s, p: [np.ones(len(s)), hill(s[:, 0] * s[:, 1], p["K"], p["n1"])],
        bounds=_HORMONE_BOUNDS,
    ),
    "Hill and basal": Form(
        ("K", "n1"),
        lambda s, p: [np.ones(len(s)), hill(s[:, 0] * s[:, 1], p["K"], p["n1"]), s[:, 1]],
        bounds=_HORMONE_BOUNDS,
    ),
    "expanded Hill": Form(_ALLOSTERIC, lambda s, p: [np.ones(len(s)), _occupied(s, p)], bounds=_HORMONE_BOUNDS),
    "mechanistic": Form(
        (*_ALLOSTERIC, "drive"),
        lambda s, p: [np.ones(len(s)), np.exp(-p["drive"] * _occupied(s, p))],
        bounds=_HORMONE_BOUNDS,
    ),
}
REPRESSION = {
    "allosteric": Form(
        ("K_A", "K_I", "binding"),
        _repressed,
        bounds=(("K_A", (1.0, 1e4)), ("K_I", (0.01, 100.0)), ("binding", (1e3, 1e9))),
    )
}


_NEWTON_STEPS = 30  # of additivity; from below they double their digits, and never more than ten were needed


def _alone(s: np.ndarray, p: dict) -> tuple[np.ndarray, np.ndarray]:
    """The effect of each drug without the other, as a share of the largest."""
    return hill(s[:, 0], p["K1"], p["n1"]), hill(s[:, 1], p["K2"], p["n2"])


def loewe(s: np.ndarray, p: dict) -> np.ndarray:
    """The effect at which the doses, each over the dose that has it alone, add up to one (loewe1926).

    In t = log(effect/(1 − effect)) the sum Σ dₖ/Kₖ·exp(−t/nₖ) falls and is convex, so that Newton's steps from below
    never pass the root.

    Args:
        s: doses (M, 2), shares of the largest.
        p: half-effect doses K1 and K2 and exponents n1 and n2: numbers, or columns (P, 1) of many at once.

    Returns:
        Effects (M,) or (P, M), shares of the largest effect.
    """
    none = ~s.any(axis=1)
    doses = np.where(none[:, None], 1.0, s)  # without a dose there is no effect, whatever t
    n1, n2 = p["n1"], p["n2"]
    with np.errstate(divide="ignore"):  # one dose of nought
        first, second = np.log(doses[:, 0] / p["K1"]), np.log(doses[:, 1] / p["K2"])
    t = np.maximum(n1 * first, n2 * second)
    for _ in range(_NEWTON_STEPS):
        one, other = np.exp(first - t / n1), np.exp(second - t / n2)
        t = t + (one + other - 1) / (one / n1 + other / n2)
    return np.where(none, 0.0, 1 / (1 + np.exp(-t)))


_TWO_DRUGS = ("K1", "n1", "K2", "n2")
NULL_MODELS = {  # of two drugs that do not help each other, as in the data's own package (vanderborght2017)
    "Bliss independence": Form(
        _TWO_DRUGS, lambda s, p: [np.ones(len(s)), (1 - _alone(s, p)[0]) * (1 - _alone(s, p)[1])]
    ),
    "highest single agent": Form(_TWO_DRUGS, lambda s, p: [np.ones(len(s)), 1 - np.maximum(*_alone(s, p))]),
    "Loewe additivity": Form(_TWO_DRUGS, lambda s, p: [np.ones(len(s)), 1 - loewe(s, p)]),
}


LARGEST_SUGARS = 1.0, 4.0  # % of glucose and of galactose, for every strain


@dataclass(frozen=True)
class MeasuredSet:
    """One measured system, as it is learnt.

    Attributes:
        name: in the table.
        words: what was measured, for the page.
        load: its table; two inputs, the output, and a column `sd` where only means are published.
        neighbour: another measured system, whose wells a network may start from; the sentence says which.
        neighbour_words: what it is.
        models: published equations, refitted to the wells.
        as_published: the equation with its published numbers, from doses as shares (M, 2) to the output (M,).
        repository: where it is published.
    """

    name: str
    words: str
    load: Callable[[], pd.DataFrame]
    neighbour: Callable[[], pd.DataFrame]
    neighbour_words: str
    models: dict[str, Form]
    as_published: Callable[[np.ndarray], np.ndarray] | None
    repository: files.Repository

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a well: input_1 and input_2 as shares of the largest dose times 20, output, perhaps sd."""
        return as_shares(self.load())

    def system(self, domain: Domain | None = None) -> Measured:
        """Wells and held-out conditions, a quarter of them; with a domain what lies beyond is only ever tested on."""
        table = self.table.rename(columns={"input_1": "input_1 (nM)", "input_2": "input_2 (nM)"})
        return Measured(table, label=self.name, inputs=["input_1", "input_2"], outputs=["output"], domain=domain)


def as_shares(table: pd.DataFrame) -> pd.DataFrame:
    """A table's first two columns as shares of their largest dose times 20, its third as the output, sd as it is.

    Raises:
        ValueError: the output is the same in every row.
    """
    if table.iloc[:, 2].nunique() < 2:
        raise ValueError(f"{table.columns[2]} is {table.iloc[0, 2]:g} in every row; there is nothing to learn.")
    shares = {f"input_{k + 1}": BIG.high * table.iloc[:, k] / table.iloc[:, k].max() for k in range(2)}
    rest = {"sd": table["sd"]} if "sd" in table else {}
    return pd.DataFrame(shares | {"output": table.iloc[:, 2]} | rest)


SETS: tuple[MeasuredSet, ...] = (
    MeasuredSet(
        "LacI induction",
        "fold change of a repressed promoter in bacteria, by copies of the repressor and by IPTG, about eleven replicates",
        lambda: files.induction("O2"),
        lambda: files.induction("O1"),
        "the same promoter with a stronger operator",
        REPRESSION,
        lambda s: _repressed(s, PUBLISHED)[0],
        files.LACI,
    ),
    MeasuredSet(
        "hormone × factor",
        "output of an inducible factor (GEM) in yeast, by hormone and by amount of factor, means with standard deviations",
        lambda: files.surface("GEM"),
        lambda: files.surface("Z4EM"),
        "another factor (Z4EM) on the same doses",
        HORMONE_MODELS,
        None,
        files.HORMONE,
    ),
    MeasuredSet(
        "galactose, wild type",
        "share of induced yeast cells (S288C), by glucose and by galactose, single wells",
        lambda: files.strain("S288C"),
        lambda: files.strain("I14"),
        "another strain (I14) on the same doses",
        {"galactose switch": galactose_switch(*LARGEST_SUGARS)},
        None,
        files.GALACTOSE,
    ),
    MeasuredSet(
        "galactose, mutant",
        "the same share in a mutant that lacks a repressor (mig1Δ), single wells",
        lambda: files.strain("mig1Δ"),
        lambda: files.strain("S288C"),
        "the wild type (S288C) on the same doses",
        {"galactose switch": galactose_switch(*LARGEST_SUGARS, mig1=0.0)},
        None,
        files.GALACTOSE,
    ),
    MeasuredSet(
        "drug pair",
        "number of cells under two antivirals, by both doses, four replicates",
        lambda: files.antivirals(2),
        lambda: files.antivirals(3),
        "one of the drugs with another partner, on the same doses",
        NULL_MODELS,
        None,
        files.ANTIVIRALS,
    ),
)


def other_strains(name: str) -> pd.DataFrame:
    """The mean of all natural strains but one at every pair of doses: what a laboratory has before it grows the next.

    One row a condition: glucose and galactose as shares of the largest dose times 20, and the induced share of cells.
    """
    tables = [as_shares(files.strain(other)) for other in files.NATURAL if other != name]
    doses = ["input_1", "input_2"]
    together = pd.concat(tables).round(dict.fromkeys(doses, 6))
    return together.groupby(doses, as_index=False)["output"].mean()


STRAIN_SETS: tuple[MeasuredSet, ...] = tuple(
    MeasuredSet(
        f"strain {name}",
        "share of induced yeast cells, by glucose and by galactose, single wells",
        partial(files.strain, name),
        partial(other_strains, name),
        "the mean of the other natural strains on the same doses",
        {"galactose switch": galactose_switch(*LARGEST_SUGARS)},
        None,
        files.GALACTOSE,
    )
    for name in files.NATURAL
)
