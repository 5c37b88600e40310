"""Numbers in sentences and tables: one number format, intervals in square brackets."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable

import pandas as pd
from IPython.display import Markdown
from pydantic import BaseModel

from fewerwells.running.parameters import Sweeps
from fewerwells.running.plain import write_value
from fewerwells.running.published import published_folder
from fewerwells.running.sample import outcome_of
from fewerwells.science.statistics import Estimate, paired_ratio, probability_of_improvement
from fewerwells.study.columns import ERROR, Region, error_column
from fewerwells.study.protocol import ARMS


def number(value: float) -> str:
    """Three significant digits, thousands separated, a true minus sign; ∞ and "unknown" spelt out."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−")


def with_interval(estimate: Estimate | pd.Series | dict, unit: str = "") -> str:
    """A value with its 95 % interval, "2.5 [2.1, 3.0]", from an `Estimate` or a row of a summary.

    Where value and upper end are infinite all that is known is the lower end: "more than 2.1". What could not be
    estimated is "unknown".
    """
    if isinstance(estimate, Estimate):
        value, low, high = estimate.value, estimate.low, estimate.high
    else:
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if math.isnan(value):
        return number(value)
    if value == high == math.inf:
        return f"more than {number(low)}{unit and ' ' + unit}"
    return f"{number(value)}{unit and ' ' + unit} [{number(low)}, {number(high)}]"


def share(estimate: Estimate) -> str:
    """A share of the seeds with its 95 % interval, "62 % [48, 74] of seeds", or "unknown"."""
    if math.isnan(estimate.value):
        return number(estimate.value)
    value, low, high = (f"{100 * one:.0f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} % [{low}, {high}] of seeds"


def equivalence_text(row: pd.Series) -> str:
    """A row of `equivalence.data_equivalence` in words; "more than" and "less than" where the grid ends."""

    def bounded(k: float) -> str:
        if k == math.inf:
            return f"more than {number(row['limit_high'])}"
        return f"less than {number(row['limit_low'])}" if k == 0 else number(k)

    value, low, high = (bounded(row[name]) for name in ("k", "low", "high"))
    return value if value == low == high else f"{value} [{low}, {high}]"


def capital(words: str) -> str:
    """The same words with a capital at the front; the rest stays as it is, "nM" for one."""
    return words[:1].upper() + words[1:]


def table(rows: list[dict]) -> Markdown:
    """Rows as a Markdown table, the keys of the first row as its head; text columns left, numbers right."""
    names = list(rows[0])
    right = {name: all(isinstance(row[name], (int, float)) for row in rows) for name in names}

    def cell(value) -> str:
        return number(value) if isinstance(value, (int, float)) else str(value).replace("|", "\\|")

    lines = [names, ["---:" if right[name] else "---" for name in names]]
    lines += [[cell(row[name]) for name in names] for row in rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def against(table: pd.DataFrame, arms: Iterable[str], reference: str) -> list[dict]:
    """Rows for `table`: each arm's error over a reference arm's on the same seeds, with its 95 % interval.

    Args:
        table: tidy rows in which each arm stands once a seed: one target, one noise, one number of wells.
        arms: what to compare, in this order.
        reference: with what.

    Returns:
        One row an arm: `arm`, `it asks`, the ratio over all test points, inside and outside the small domain, and
        the share of seeds on which the arm has the lower error.
    """
    rows = []
    for arm in arms:
        row = {"arm": arm, "it asks": ARMS[arm].asks}
        for region, place in zip(Region, ("0–20 nM", "inside", "outside"), strict=True):
            ratio = paired_ratio(table, error_column(region), {"arm": arm}, {"arm": reference})
            row[f"error / {reference}, {place}"] = with_interval(ratio)
        wins = probability_of_improvement(table, ERROR, {"arm": arm}, {"arm": reference})
        rows.append(row | {"better on": f"{100 * wins.value:.0f} % of seeds"})
    return rows


MOST_NAMED = 5  # arms in a sentence


def outcomes(results: pd.DataFrame) -> Markdown:
    """How many rows of a results table ended well, and which did not: arm, target and seed of each network."""
    rows = "rows" if (results["sample_steps"] == 0).any() else "networks"
    counts = ", ".join(f"{n:,} {status}" for status, n in results["status"].value_counts().items())
    told = f"The table holds **{len(results):,} {rows}**: {counts}."
    fitted = results[results["status"].isin(["at bound", "not converged"])]
    if len(fitted):
        by_arm = fitted["arm"].value_counts()
        named = by_arm if len(by_arm) <= MOST_NAMED + 1 else by_arm[:MOST_NAMED]
        arms = ", ".join(f"{n:,} of *{arm}*" for arm, n in named.items())
        if len(named) < len(by_arm):
            arms += f", and {by_arm[len(named) :].sum():,} of {len(by_arm) - len(named)} other arms"
        told += (
            f" A fit or a Gaussian process *at bound* has wells that do not hold all of its parameters; one that is "
            f"*not converged* stopped early. Both count as they are ({arms})."
        )
    failed = results[results["status"].isin(["dead", "diverged"])]
    if failed.empty:
        return Markdown(told)
    told += (
        " A *dead* network says the very same everywhere and counts with the error that it makes, as does one that says"
        " nearly the same and is not listed; a *diverged* one has a weight that is not a number and no error."
    )
    seeds = failed.groupby(["status", "seed"], sort=False).size()
    told += " Dead or diverged are networks of "
    told += ", ".join(f"seed {seed} ({n:,} {status})" for (status, seed), n in seeds.items()) + "."
    each = []
    for (status, seed, arm, target), group in failed.groupby(["status", "seed", "arm", "target"], sort=False):
        volumes = ", ".join(f"{n:,}" for n in sorted(group["N"].unique()))
        line = f"- {status}: seed {seed}, {arm}, {target}, N = {volumes}"
        if results["noise"].nunique() > 1:
            line += f", noise {', '.join(f'{noise:g}' for noise in sorted(group['noise'].unique()))} nM"
        each.append(line)
    if len(each) <= 3:
        return Markdown("\n".join([f"{told}\n", *each]))
    folded = fold("Which ones", "\n".join(each))
    return Markdown(f"{told}\n\n{folded.data}")


def direction(ratio: Estimate) -> str:
    """What an interval of a ratio says about 1, in words."""
    if ratio.low > 1:
        return "larger"
    return "smaller" if ratio.high < 1 else "not clearly different"


def fold(title: str, *blocks: str) -> Markdown:
    """Markdown that is folded away until the reader opens it."""
    return Markdown("\n\n".join([f"<details class='remake'><summary>{title}</summary>", *blocks, "</details>"]))


def remake(chapter: str, settings: BaseModel, rows: str | None = None) -> Markdown:
    """A fold-out with the command that remakes a chapter's figures with these settings, and a link to their rows.

    Args:
        chapter: its name, for example "03_experiment_1".
        settings: its checked parameters; only those that differ from the published run are spelt out.
        rows: the published table, as a path from the chapter; linked where the settings are the published ones. None
            where the figure is computed on the spot.
    """
    changed = _changed(settings)
    words = [f"-p {shlex.quote(f'{name}={write_value(value)}')}" for name, value in changed.items()]
    command = " ".join(["fewerwells run", chapter, *words])
    if rows is None:
        return fold(
            "Remake this figure", f"```sh\n{command}\n```", "No table is behind it: the command computes what it shows."
        )
    where = "The command says where it keeps them. Published" if changed else "Its rows"
    return fold("Remake this figure", f"```sh\n{command}\n```", f"{where}: {_rows_at(rows, not changed)}")


def _rows_at(rows: str, sampled: bool) -> str:
    """A link to a published table with what this machine says of it; words where nothing is published."""
    name = rows.rsplit("/", 1)[-1]
    folder = published_folder()
    if folder and not (folder / name).exists():
        return "not published; what this page shows was computed here."
    return f"[{name}]({rows})" + (_sampled(name.removesuffix(".csv")) if sampled else ".")


def _changed(settings: BaseModel) -> dict:
    """The parameters that differ from those of the published run."""
    published = type(settings)()
    same_profile = type(settings)(profile=settings.profile)
    return {
        name: value
        for name, value in settings.model_dump(exclude={"table_file"}).items()
        if (name == "profile" and value != published.profile) or value != getattr(same_profile, name)
    }


def _sampled(table: str) -> str:
    """What this machine says of a published table."""
    outcome = outcome_of(table)
    return f", {outcome.sentence}." if outcome else "."


def remake_sweep(name: str, settings: Sweeps) -> Markdown:
    """A fold-out with the command of a sweep, and a link to the rows of all sweeps.

    Args:
        name: of its file under `sweeps/`.
        settings: the chapter's checked parameters.
    """
    return fold(
        f"Remake this figure ({name.replace('_', ' ')})",
        f"```sh\nfewerwells sweep sweeps/{name}.yml\n```",
        f"Its rows: {_rows_at('../results/sweeps.csv', not _changed(settings))}",
    )


def sampled_again(tables: Iterable[str]) -> Markdown:
    """What this machine says of some published tables, a line each; nothing where no sample was taken."""
    told = {name: outcome_of(name) for name in tables}
    lines = [f"- [{name}.csv](../results/{name}.csv), {one.sentence}." for name, one in told.items() if one]
    return Markdown("\n".join(lines))
