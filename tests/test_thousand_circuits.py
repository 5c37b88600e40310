"""What the chapter *A thousand circuits* is made of: ratios over shared seeds, its claims, intervals held, its figures."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fewerwells.book.plots.plates import LINES, plot_draws, plot_over_wells, plot_reading
from fewerwells.running import identity
from fewerwells.running.cells import cell_rows
from fewerwells.running.parameters import ManyCircuits
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import real_pairs
from fewerwells.science.in_context.reader import SHIPPED
from fewerwells.science.in_context.record import training_record
from fewerwells.science.learners import Runtime
from fewerwells.science.learners.base import Learner, Learnt, Status
from fewerwells.science.statistics import geometric_summary, paired_ratio
from fewerwells.science.systems import Simulated
from fewerwells.study import protocol
from fewerwells.study.claim_list import many_circuits
from fewerwells.study.claims import _judge
from fewerwells.study.columns import ERROR_COLUMNS
from fewerwells.study.intervals_held import LEVELS, held_column, shares_held
from fewerwells.study.many_circuits import CHEAP, MANY_CIRCUITS, NEVER_SEEN, OVER_WELLS, SLOW, can_run
from fewerwells.study.protocol import Arm, Cell, Protocol
from fewerwells.study.quantities import SharedSeedsRatio
from fewerwells.study.ratios import ratios_on_shared_seeds
from tests.test_measured import measured

ERROR = "sobol_all_mean"
SWITCH = reference_circuit("goldbeter_koshland")


def made_up(**factors: float) -> pd.DataFrame:
    """A table of the chapter's shape at one plate: every arm's error is `factors` (1 by default) times its seed's."""
    rng, rows = np.random.default_rng(0), []
    luck = rng.lognormal(0, 0.3, (5, 8))
    settings = ManyCircuits()
    for place, target in enumerate(settings.targets):
        for arms, count in ((CHEAP, 8), (SLOW, 3)):
            for arm in (arm for arm in arms if can_run(arm, target)):
                for seed in range(count):
                    error = factors.get(arm, 1.0) * luck[place, seed] * rng.lognormal(0, 0.02)
                    n = 20_000 if arm == "oracle" else 96
                    row = {"arm": arm, "target": target.label, "N": n, "seed": seed}
                    rows.append(row | dict.fromkeys(ERROR_COLUMNS, error))
    return pd.DataFrame(rows)


def test_ratios_are_paired_over_the_seeds_that_both_arms_hold():
    table = made_up(**{"what the wells know": 0.5})
    found = ratios_on_shared_seeds(table, ERROR, "what the wells know").set_index(["target", "arm"])
    assert set(found["n_seeds"]) == {3}
    part = table[(table["target"] == SWITCH.label) & (table["seed"] < 3)]
    expected = paired_ratio(part, ERROR, {"arm": "transfer"}, {"arm": "what the wells know"})
    row = found.loc[(SWITCH.label, "transfer")]
    assert (row["value"], row["low"], row["high"]) == (expected.value, expected.low, expected.high)
    assert row["value"] == pytest.approx(2, rel=0.1)
    assert NEVER_SEEN not in found.loc["n = 2"].index


def test_a_ratio_over_shared_seeds_asks_only_where_both_arms_are():
    table = made_up(**{NEVER_SEEN: 0.4})
    quantity = SharedSeedsRatio("many_circuits", {"arm": NEVER_SEEN}, {"arm": "what the wells know"}, per="target")
    found = quantity.estimates(table)
    assert set(found) == {
        reference_circuit(n).label for n in ("input_depletion", "goldbeter_koshland", "mixed_complex")
    }
    assert all(one.value == pytest.approx(0.4, rel=0.1) for one in found.values())
    with pytest.raises(ValueError, match="no row with arm = nobody"):
        SharedSeedsRatio("many_circuits", {"arm": "nobody"}, {"arm": "transfer"}, per="target").estimates(table)


def verdicts(table: pd.DataFrame) -> dict[str, str]:
    return {claim.name: _judge(claim, {"many_circuits": table}).verdict for claim in many_circuits.CLAIMS}


def test_the_claims_follow_the_table():
    good = {"in-context network": 0.2, NEVER_SEEN: 0.4, "wide library, truth left out": 0.3, "meta-learned start": 0.5}
    good |= {"what the wells know": 0.19, "symbolic regression": 0.5}
    found = verdicts(made_up(**good, **{"fit, library": 0.1}))
    assert set(found.values()) == {"supported"}
    found = verdicts(made_up(**{"in-context network": 0.5, NEVER_SEEN: 0.9}))
    assert (found["reader-beats-transfer"], found["reader-as-hoped"]) == ("supported", "contradicted")
    assert found["unseen-reader-as-hoped"] == "contradicted"
    assert found["wide-list-as-hoped"] == "contradicted"
    assert found["right-list-beats-reader"] == "contradicted"


def test_a_claim_on_a_system_that_was_not_run_is_undecided():
    table = made_up()
    assert verdicts(table[table["target"] == SWITCH.label])["wide-list-as-hoped"] == "undecided"


def test_every_arm_of_the_chapter_that_is_not_only_shown_is_in_a_claim():
    read = {
        group["arm"]
        for claim in many_circuits.CLAIMS
        for reading in claim.readings.values()
        for group in (reading.quantity.numerator, reading.quantity.denominator)
    }
    shown_only = {"wide library", "joint discrepancy", "meta-learned start, truth left out"}
    assert set(MANY_CIRCUITS) - read == shown_only


@dataclass(frozen=True)
class Known(Learnt):
    """Predictions that are right, with intervals of a given reach, nM, around them."""

    reach: float | None
    status: tuple = (Status.OK, Status.OK)
    engine: str = "none"
    seconds: float = 0.0

    def predict(self, x):
        return SWITCH(x) if x.ndim == 3 else np.stack([SWITCH(x)] * 2)

    def interval(self, x, level=0.8):
        return None if self.reach is None else (self.predict(x) + 1 - self.reach, self.predict(x) + 1 + self.reach)


@dataclass(frozen=True)
class Knows(Learner):
    reach: float | None
    words = "knows"

    def learn(self, wells, seeds, runtime=None):
        return Known(self.reach)


@pytest.mark.parametrize(("reach", "held"), [(1.1, 1.0), (0.9, 0.0)])
def test_held_is_what_lies_between_the_ends(reach, held):
    rows = shares_held(Known(reach), SWITCH)
    assert len(rows) == 2
    for row in rows:
        assert row == {held_column(level, place): held for level in LEVELS for place in ("inside", "outside")}
    with pytest.raises(ValueError, match="without intervals"):
        shares_held(Known(None), SWITCH)


def test_the_table_says_what_was_held_and_its_code_counts(monkeypatch):
    arm = Arm("?", lambda _: Knows(1.1), intervals=True)
    monkeypatch.setattr(protocol, "ARMS", {"says": arm, "silent": replace(arm, intervals=False)})
    says, silent = Cell("says", SWITCH, 4), Cell("silent", SWITCH, 4)
    table = cell_rows(says, Protocol(), [0, 1], Runtime())
    assert (table[held_column(0.8, "outside")] == 1).all()
    assert held_column(0.8, "outside") not in cell_rows(silent, Protocol(), [0, 1], Runtime())
    monkeypatch.setattr(identity, "_engine_code", lambda roots, engine: roots)
    more = identity.cell_code(says, Protocol(), "fused") - identity.cell_code(silent, Protocol(), "fused")
    assert more == {"fewerwells.study.intervals_held"}


def test_what_intervals_held_is_counted_where_the_truth_is_known(monkeypatch):
    monkeypatch.setattr(protocol, "ARMS", {"says": Arm("?", lambda _: Knows(1.1), intervals=True)})
    assert Cell("says", SWITCH, 4).intervals
    assert Cell("says", Simulated(SWITCH), 4).intervals
    assert not Cell("says", measured(), 4).intervals


def test_shipped_weights_have_a_record():
    for path in SHIPPED.iterdir():
        if path.name.endswith(".safetensors"):
            record = training_record(path.name.removesuffix(".safetensors"))
            assert record["validation"][-1]["step"] <= record["step"]
    with pytest.raises(ValueError, match="no shipped weights 'bogus'"):
        training_record("bogus")


def test_figures_show_what_they_are_given():
    assert set(LINES) == set(OVER_WELLS)
    panels = Figure().subplots(1, 3)
    truth, wells = np.arange(16.0).reshape(4, 4), real_pairs(SWITCH, 5, 0)
    plot_reading(truth, {0.1: truth - 1, 0.5: truth, 0.9: truth + 2}, wells, panels)
    shown = [axes.images[0].get_array() for axes in panels]
    np.testing.assert_array_equal(shown[0], truth)
    np.testing.assert_array_equal(shown[2], np.full((4, 4), 3.0))
    dots = panels[0].lines[-1]
    np.testing.assert_array_equal(np.stack(dots.get_data(), axis=1), wells.x)
    draws = Figure().subplots(1, 2)
    plot_draws(np.stack([truth, 2 * truth]), draws)
    np.testing.assert_array_equal(draws[1].images[0].get_array(), 2 * truth)
    table = pd.concat([made_up(), made_up().assign(N=24)])
    summary = geometric_summary(table[table["arm"].isin(["transfer", NEVER_SEEN])], ERROR, ["arm", "N"])
    axes = Figure().subplots()
    plot_over_wells(summary, axes)
    assert {line.get_label() for line in axes.lines} == {"transfer", NEVER_SEEN}
    assert list(axes.get_xticks()) == [24, 96]
