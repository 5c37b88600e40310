"""The wide library: the right mechanism found, its intervals kept, its promises of order and number of cores."""

import numpy as np
import pytest

from fewerwells.science import cores, least_squares, wide_library
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs
from fewerwells.science.mechanisms import Structure, structures_without
from fewerwells.science.wide_library import fit_wide_library

X = sobol_inputs(BIG, 64)
COMPLEX = reference_circuit("n_part_complex", 2.0)
# A few structures that tell the circuits apart, so that the tests take seconds.
FEW = (
    Structure(),
    Structure(exponents="one"),
    Structure(exponents="one", empty=False, one_eta=True),
    Structure(exponents="one", empty=False, saturated=True, one_eta=True),
    Structure(leak=True, mixed="dead"),
    Structure(exponents="two", inputs="depleted"),
)


def fit(wells, structures=FEW, **settings):
    (found,) = fit_wide_library([wells], structures, **settings)
    return found


@pytest.mark.parametrize(
    ("name", "index"),
    [("n_part_complex", 0), ("phosphorylation_cycle", 2), ("goldbeter_koshland", 3), ("mixed_complex", 4)],
)
def test_many_wells_name_the_mechanism_and_call_it_exact(name, index):
    circuit = reference_circuit(name)
    found = fit(real_pairs(circuit, 120, 1003, domain=BIG, noise=0.2))
    assert next(iter(found.weights)) == FEW[index].label
    assert found.exact > 0.8
    assert found.status == "ok"
    np.testing.assert_allclose(found.predict(X), circuit(X), atol=0.5)


def test_the_wrong_mechanism_alone_is_not_called_exact_and_its_discrepancy_pays():
    circuit = reference_circuit("mixed_complex")
    wells, wrong = real_pairs(circuit, 96, 1000), (Structure(),)
    joint, plain = fit(wells, wrong), fit(wells, wrong, discrepancy=False)
    assert joint.exact < 0.01
    error, without = (np.abs(found.predict(X) - circuit(X)).mean() for found in (joint, plain))
    assert error < 0.8 * without


def test_intervals_hold_what_they_say_where_the_truth_is_in_the_library():
    """Circuits with parameters of their own, 64 points each: 80 % within the sampling error of ten plates."""
    rng = np.random.default_rng(0)
    held = []
    for seed in range(1000, 1010):
        half, n = np.exp(rng.uniform(*np.log([2.0, 20.0]), size=2)), rng.uniform(1.2, 3.0)
        circuit = type(COMPLEX)("n_part_complex", tuple(1 / half), (40.0, 30.0), n=float(n))
        low, high = fit(real_pairs(circuit, 48, seed), FEW[:2]).interval(X, 0.8)
        held.append(np.mean((low <= circuit(X)) & (circuit(X) <= high)))
    assert 0.6 < np.mean(held) < 0.95


def test_intervals_widen_with_their_level_and_beyond_the_wells():
    found = fit(real_pairs(reference_circuit("mixed_complex"), 96, 1000), FEW[:2])
    widths = [np.diff(found.interval(X, level), axis=0)[0] for level in (0.5, 0.8, 0.95)]
    assert np.all(widths[0] <= widths[1])
    assert np.all(widths[1] <= widths[2])
    outside = X.max(axis=1) > 15
    inside = X.max(axis=1) < 8
    assert widths[1][outside].mean() > widths[1][inside].mean()


def test_the_order_of_the_wells_changes_nothing():
    wells = real_pairs(COMPLEX, 40, 1000)
    order = np.random.default_rng(0).permutation(40)
    shuffled = Pairs(wells.x[order], wells.y[order])
    one, other = fit(shuffled, FEW[:1]), fit(wells, FEW[:1])
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=0.02, atol=0.05)


def test_neither_workers_nor_neighbours_change_a_fit(monkeypatch):
    circuits = (COMPLEX, reference_circuit("mixed_complex"), reference_circuit("goldbeter_koshland"))
    data = [real_pairs(circuit, wells, 1000) for circuit in circuits for wells in (12, 20)]
    alone = [fit(pairs, FEW[:5]).predict(X) for pairs in data]
    for cores_here in ([0], [0, 1]):
        for module in (cores, least_squares):
            monkeypatch.setattr(module, "usable_cores", lambda cores_here=cores_here: cores_here)
        found = fit_wide_library(data, FEW[:5])
        np.testing.assert_array_equal([mixture.predict(X) for mixture in found], alone)


def test_how_many_discrepancies_are_taken_apart_at_once_changes_nothing(monkeypatch):
    data = [real_pairs(COMPLEX, 20, 1000)]
    whole = fit_wide_library(data, FEW[:5])[0]
    monkeypatch.setattr(wide_library, "STACKED", 1)
    apart = fit_wide_library(data, FEW[:5])[0]
    np.testing.assert_array_equal(whole.predict(X), apart.predict(X))


@pytest.mark.parametrize("wells", [1, 3])
def test_a_few_wells_are_enough_to_run(wells):
    found = fit(real_pairs(COMPLEX, wells, 1000), FEW[:3])
    low, high = found.interval(X)
    assert np.isfinite(found.predict(X)).all()
    assert np.all(low <= high)
    assert sum(entry.weight for entry in found.entries) == pytest.approx(1)


def test_a_search_that_stops_early_is_a_status(monkeypatch):
    monkeypatch.setattr(wide_library, "EVALUATIONS", 1)
    monkeypatch.setattr(wide_library, "REFINED", 1)
    assert fit(real_pairs(COMPLEX, 30, 1000), FEW[:1], discrepancy=False).status == "not converged"


def test_left_out_entries_have_no_say():
    circuit = reference_circuit("goldbeter_koshland")
    left = structures_without(circuit)
    found = fit(real_pairs(circuit, 30, 1000), [s for s in FEW if s in left])
    assert FEW[3].label not in found.weights


GOOD = real_pairs(COMPLEX, 5, seed=1000)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fit_wide_library([GOOD], ()), "no structure"),
        (lambda: fit_wide_library([GOOD], FEW, noise=0.0), "the noise is 0.0 nM"),
        (lambda: fit_wide_library([Pairs(-GOOD.x, GOOD.y)], FEW), "cannot be negative"),
        (lambda: fit(GOOD, FEW[:1]).interval(X, 1.0), "the level is 1.0"),
        (lambda: fit(GOOD, FEW[:1]).predict([1.0, 2.0]), r"shape \(2,\)"),
        (lambda: fit(GOOD, FEW[:1]).predict([[-1.0, 2.0]]), "-1 nM"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, named):
    with pytest.raises(ValueError, match=named):
        call()


@pytest.mark.parametrize("unit", [1e-6, 1e4])
def test_the_unit_of_the_outputs_does_not_matter(unit):
    """Readings in tens of thousands are usual; intervals beyond the wells used to come out 2.6 times too narrow."""
    wells = real_pairs(COMPLEX, 24, 0)
    plain, other = fit(wells), fit(Pairs(wells.x, unit * wells.y))
    np.testing.assert_allclose(other.exact, plain.exact, rtol=1e-6)
    np.testing.assert_allclose(other.interval(X), unit * np.array(plain.interval(X)), rtol=1e-4, atol=1e-6 * unit)


def test_wells_without_any_input_are_answered():
    blanks = Pairs(np.zeros((8, 2)), real_pairs(COMPLEX, 8, 0).y)
    low, high = fit(blanks).interval(X)
    assert np.isfinite([low, high]).all()
    assert (low < high).all()
