"""The answer in words, and as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from fewerwells.laboratory.answering import AS_GOOD, OutputAnswer, PlateAnswer
from fewerwells.laboratory.curves import Curves

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c;
  background: #fff } h1, h2 { line-height: 1.2 } table { border-collapse: collapse } td, th { text-align: left;
  padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd } svg { max-width: 100%; height: auto } code {
  background: #f2f2f2; padding: 0 .2rem } figure { margin: 1rem 0 } figcaption { color: #444 }
"""


def summary(learnt: PlateAnswer, curves: Sequence[Curves | None]) -> list[str]:
    """The answer in a few lines for the terminal."""
    lines = list(learnt.findings)
    for one, curve in zip(learnt.outputs, curves, strict=True):
        lines += ["", *sentences(one, curve)]
    return lines


def sentences(one: OutputAnswer, curve: Curves | None) -> list[str]:
    """What was learnt of one output, sentence by sentence."""
    best = next(score for score in one.scores if score.arm == one.chosen)
    known = not math.isnan(best.in_noise)
    in_noise = f", {best.in_noise:.2f} times the standard error of their means" if known else ""
    by = f"best by {best.words}"
    if best != one.scores[0]:
        by = f"by {best.words} about as well as by any other (at most {100 * (AS_GOOD - 1):.0f} % worse)"
    others = [
        f"{score.arm} {score.error:.3g}" + (f" ({score.in_noise:.2f} times)" if known else "")
        for score in one.scores
        if score.arm != one.chosen
    ]
    lines = [
        f"{one.output}: doses held out are predicted {by}: off by {best.error:.3g} (root mean square{in_noise}).",
        "  others: " + "; ".join(others),
        f"  heaviest equation: {one.equation}",
    ]
    lines += [f"  {parameter.name}: {parameter.said}" for parameter in one.parameters]
    return lines + [f"  {line}" for line in wells_sentences(curve)]


def wells_sentences(curve: Curves | None) -> list[str]:
    """How many wells would have done, and what the simulation was worth."""
    if curve is None or len(curve.sizes) == 1:
        return ["these are too few wells, or too few different doses, to say what fewer of them would have done."]
    most = curve.sizes[-1]
    if curve.enough:
        lines = [
            f"{curve.enough} of these wells would have done: with equations their error is within 10 % of that of {most}."
        ]
    else:
        tried = ", ".join(map(str, curve.sizes[:-1]))
        lines = [f"fewer wells (tried: {tried}) do not come within 10 % of the error that equations have with {most}."]
    for size, k, low, high in list(zip(curve.sizes, curve.k, curve.k_low, curve.k_high, strict=True))[:-1]:
        if size not in (curve.sizes[0], curve.sizes[len(curve.sizes) // 2]):
            continue
        if math.isinf(low):
            lines.append(
                f"with {size} wells, networks that start from the simple model do better than {most} wells do without it."
            )
            continue
        least = curve.sizes[0] / size  # no fewer wells were tried without the start
        shown, low, high = (_times(times, least, most / size) for times in (k, low, high))
        interval = low if low == high else f"{low} to {high}"
        lines.append(
            f"with {size} wells, networks that start from the simple model do what {shown} times as many wells do without "
            f"it (95 % interval {interval})."
        )
    return lines


def _times(k: float, least: float, most: float) -> str:
    """A factor, or on which side of what was tried it lies."""
    if math.isinf(k):
        return f"more than {most:.1f}"
    return f"at most {least:.1f}" if k <= least * (1 + 1e-9) else f"{k:.1f}"


def page(
    learnt: PlateAnswer, curves: Sequence[Curves | None], understood: list[str], figures: list[tuple[bytes, str]]
) -> bytes:
    """The whole answer as one page.

    Args:
        learnt: the answer.
        curves: of each output, where there were wells enough.
        understood: the lines that say what was understood.
        figures: SVG and caption of each figure.
    """
    parts = [f"<h1>{escape(learnt.plate.name)}</h1>"]
    parts += [
        f"<h2>{escape(one.output)}</h2>{_output(one, curve)}" for one, curve in zip(learnt.outputs, curves, strict=True)
    ]
    for drawing, caption in figures:
        picture = drawing.decode()
        picture = picture[picture.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(caption)}"', 1)
        parts.append(f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>")
    if learnt.findings:
        parts.append("<h2>What the data are worth</h2>" + _list(learnt.findings))
    parts.append("<h2>What was understood</h2>" + _list([line.strip() for line in understood]))
    parts.append(
        "<p>Beside this page: <code>predictions.csv</code>, <code>wells.csv</code> and <code>model.json</code>, which "
        "<code>fewerwells predict model.json points.csv</code> reads back.</p>"
    )
    head = f'<meta charset="utf-8"><title>{escape(learnt.plate.name)}</title><style>{_STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
    head += "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'.encode()


def _list(lines) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _output(one: OutputAnswer, curve: Curves | None) -> str:
    rows = "".join(
        f"<tr><td>{escape(score.arm)}</td><td>{escape(score.words)}</td><td>{score.error:.3g}</td>"
        f"<td>{'unknown' if math.isnan(score.in_noise) else f'{score.in_noise:.2f}'}</td></tr>"
        for score in one.scores
    )
    table = (
        "<table><tr><th>learner</th><th>how</th><th>error on held-out doses</th><th>in standard errors</th></tr>"
        f"{rows}</table>"
    )
    said = [f"Chosen: {one.chosen}.", f"Heaviest equation: {one.equation}."]
    said += [f"{parameter.name}: {parameter.said}" for parameter in one.parameters]
    return table + _list(said) + _list(wells_sentences(curve))
