"""Least-squares fits against known systems, brute force, scipy's own fitter and the distribution theory."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import curve_fit, least_squares, nnls

from fewerwells.book.report import share
from fewerwells.science import cores, fitting
from fewerwells.science import least_squares as least_squares_module
from fewerwells.science.circuits import (
    CIRCUITS,
    Circuit,
    hill_family,
    reference_circuit,
    simple_activation,
)
from fewerwells.science.datasets import BIG, SMALL, Pairs, real_pairs, sobol_inputs, uniform_inputs
from fewerwells.science.fitting import FORM_NAMES, fit_many, lack_of_fit
from fewerwells.science.forms import FORMS, REFERENCE_CONCENTRATION, circuit_form
from fewerwells.study.lack_of_fit import share_noticed

SIMPLE = reference_circuit("simple_activation")
COMPLEX = reference_circuit("n_part_complex", 2.0)
CYCLE = reference_circuit("phosphorylation_cycle")
EVERYWHERE = sobol_inputs(BIG, 512)


def sum_of_squares(fit, pairs):
    return np.square(fit.predict(pairs.x) - pairs.y).sum()


def fit_one(form, pairs, circuit=None):
    (fit,) = fit_many(form, [pairs], circuit)
    return fit


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_true_form_of_every_circuit_recovers_it_from_noise_free_wells(name):
    circuit = reference_circuit(name)
    fit = fit_one("true", real_pairs(circuit, 30, seed=1, noise=0.0), circuit)
    np.testing.assert_allclose(fit.predict(EVERYWHERE), circuit(EVERYWHERE), rtol=0, atol=1e-6)
    assert (fit.status, fit.at_bound, fit.searches_agreeing) == ("ok", (), fitting.ENOUGH)
    expected = {"theta_1": circuit.theta[0], "theta_2": circuit.theta[1]}
    expected |= {"eta_1": circuit.eta[0], "eta_2": circuit.eta[1]}
    free = [parameter.name for parameter in circuit.kind.own if not parameter.choices]
    expected |= {name: circuit.own_parameters[name] for name in free}
    assert fit.parameters == pytest.approx(expected, rel=1e-6)


affinity = st.floats(0.05, 1.0)
output = st.floats(10.0, 100.0)


@settings(max_examples=15)
@given(st.tuples(affinity, affinity), st.tuples(output, output), st.floats(1.0, 4.0), st.integers(0, 1000))
def test_noise_free_members_of_the_family_are_recovered(theta, eta, n, seed):
    circuit = Circuit("n_part_complex", theta, eta, n=n)
    pairs = real_pairs(circuit, 40, seed, noise=0.0)
    for form in ("hill", "family"):
        fit = fit_one(form, pairs)
        np.testing.assert_allclose(fit.predict(EVERYWHERE), circuit(EVERYWHERE), rtol=0, atol=1e-5)
        found = fit.parameters
        scale = found["b"] ** (-1 / found["n"])  # to the θ that go with b = 1
        assert [found["theta_1"] * scale, found["theta_2"] * scale] == pytest.approx(theta, rel=1e-5)
        assert [found["eta_1"], found["eta_2"], found["n"]] == pytest.approx([*eta, n], rel=1e-5)


def test_the_family_reaches_the_cycle_exactly():
    fit = fit_one("family", real_pairs(CYCLE, 30, seed=1, noise=0.0))
    assert fit.parameters["b"] == 0
    assert (fit.status, fit.at_bound) == ("ok", ("b",))  # b = 0 belongs to the model, so the fit is sound
    assert fit.parameters["theta_1"] / fit.parameters["theta_2"] == pytest.approx(0.5, rel=1e-6)
    np.testing.assert_allclose(fit.predict(EVERYWHERE), CYCLE(EVERYWHERE), rtol=0, atol=1e-6)
    assert fit.predict(np.zeros((1, 2)))[0] == pytest.approx([20, 20], rel=1e-6)


def test_weights_of_the_family_add_up_to_one_at_the_reference_concentration():
    found = fit_one("family", real_pairs(COMPLEX, 50, seed=1)).parameters
    theta = np.array([found["theta_1"], found["theta_2"]])
    weights = (theta * REFERENCE_CONCENTRATION) ** found["n"]
    assert found["b"] + weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("form", FORMS)
def test_predictions_are_what_the_circuits_compute(form):
    fit = fit_one(form, real_pairs(COMPLEX, 50, seed=1))
    p = fit.parameters
    expected = hill_family(EVERYWHERE, (p["theta_1"], p["theta_2"]), (p["eta_1"], p["eta_2"]), p["n"], p["b"])
    np.testing.assert_allclose(fit.predict(EVERYWHERE), expected, rtol=1e-12)


class TestProjection:
    position = np.log([0.1, 0.3, 1.7])

    def problem(self, pairs, **changes):
        return fitting.Problem(replace(FORMS["hill"], **changes), pairs.x, pairs.y)

    def test_eta_is_the_non_negative_least_squares_solution(self):
        pairs = real_pairs(COMPLEX, 12, seed=2)
        pairs.y[:, 1] *= -1  # nothing positive fits these
        problem = self.problem(pairs)
        f = problem.relative_outputs(self.position)
        expected = [nnls(f[:, [column]], problem.y[:, column])[0][0] for column in (0, 1)]
        np.testing.assert_allclose(problem.eta(f), expected, rtol=1e-12)
        assert problem.eta(f)[1] == 0

    def test_one_eta_for_both_outputs_is_their_joint_solution(self):
        problem = self.problem(real_pairs(COMPLEX, 12, seed=2), one_eta=True)
        f = problem.relative_outputs(self.position)
        expected, *_ = np.linalg.lstsq(f.reshape(-1, 1), problem.y.ravel())
        np.testing.assert_allclose(problem.eta(f), expected.repeat(2), rtol=1e-12)

    @pytest.mark.parametrize("one_eta", [False, True])
    def test_slopes_are_those_of_the_projected_residuals(self, one_eta):
        pairs = real_pairs(COMPLEX, 12, seed=2)
        problem = self.problem(Pairs(pairs.x, pairs.y), one_eta=one_eta).chosen(np.newaxis)
        step = 1e-6 * np.eye(3)

        def residuals(position):
            f = problem.relative_outputs(position)
            return (problem.eta(f)[..., None, :] * f - problem.y).reshape(-1)

        numeric = [(residuals(self.position + h) - residuals(self.position - h)) / 2e-6 for h in step]
        found, slopes = problem.linearised(self.position[None])
        np.testing.assert_allclose(found[0], residuals(self.position), rtol=1e-12)
        np.testing.assert_allclose(slopes[0], numeric, atol=1e-8)

    def test_stacked_data_sets_are_problems_of_their_own(self):
        data = [real_pairs(COMPLEX, 12, seed) for seed in range(3)]
        x, y = np.stack([pairs.x for pairs in data]), np.stack([pairs.y for pairs in data])
        stack = fitting.Problem(FORMS["hill"], x, y)
        positions = self.position + 0.1 * np.arange(3)[:, None]
        for i, pairs in enumerate(data):
            alone = self.problem(pairs)
            assert stack.sums_of_squares(positions)[i] == alone.sums_of_squares(positions[i])
            f = stack.chosen(np.array([i])).relative_outputs(positions[i])
            np.testing.assert_array_equal(stack.chosen(np.array([i])).eta(f)[0], alone.eta(f[0]))


def test_the_optimum_is_the_one_that_curve_fit_finds_from_the_truth():
    for seed in range(3):
        pairs = real_pairs(SIMPLE, 60, seed)

        def model(x, *p):
            return simple_activation(x, p[:2], p[2:]).ravel()

        truth = (*SIMPLE.theta, *SIMPLE.eta)
        best, _ = curve_fit(model, pairs.x, pairs.y.ravel(), p0=truth, xtol=1e-12, ftol=1e-12)
        found = fit_one("simple", pairs).parameters
        assert [found[key] for key in ("theta_1", "theta_2", "eta_1", "eta_2")] == pytest.approx(best, rel=1e-4)
        assert sum_of_squares(fit_one("simple", pairs), pairs) <= np.square(
            model(pairs.x, *best) - pairs.y.ravel()
        ).sum() * (1 + 1e-8)


@pytest.mark.parametrize("circuit", [SIMPLE, COMPLEX, CYCLE], ids=lambda circuit: circuit.name)
def test_a_form_that_holds_another_never_fits_worse(circuit):
    for noise in (0.0, 1.0, 10.0):
        pairs = real_pairs(circuit, 30, seed=4, noise=noise)
        simple, hill, family = (sum_of_squares(fit_one(form, pairs), pairs) for form in FORMS)
        assert hill <= simple * (1 + 1e-6) + 1e-12
        assert family <= hill * (1 + 1e-6) + 1e-12


def test_residuals_show_the_noise_and_errors_shrink_with_the_root_of_the_wells():
    errors = {}
    for wells in (50, 800):
        data = [real_pairs(COMPLEX, wells, seed, noise=2.0) for seed in range(24)]
        fits = fit_many("hill", data)
        assert np.mean([fit.residual_sd for fit in fits]) == pytest.approx(2.0, rel=0.05)
        errors[wells] = np.sqrt(np.mean([(fit.parameters["n"] - 2.0) ** 2 for fit in fits]))
    assert errors[50] / errors[800] == pytest.approx(4.0, rel=0.4)


@pytest.mark.parametrize("form", FORM_NAMES)
@pytest.mark.parametrize("wells", [1, 2, 3])
def test_fewer_observations_than_parameters_are_fitted_and_reported(form, wells):
    pairs = real_pairs(COMPLEX, wells, seed=5, noise=10.0)
    fit = fit_one(form, pairs, COMPLEX)
    assert fit.status in ("ok", "at bound", "not converged")
    assert fit.degrees_of_freedom == 2 * wells - (4 if form == "simple" else 5)
    assert np.isfinite(fit.residual_sd) == (fit.degrees_of_freedom > 0)
    assert np.isnan(lack_of_fit(fit, 10.0)) == (fit.degrees_of_freedom <= 0)
    assert np.isfinite(fit.predict(EVERYWHERE)).all()


@settings(max_examples=25)
@given(st.data())
def test_whatever_is_measured_the_parameters_stay_within_their_bounds(data):
    wells = data.draw(st.integers(1, 6))
    x, y = (
        np.array(data.draw(st.lists(st.tuples(value, value), min_size=wells, max_size=wells)))
        for value in (st.floats(0, 1e4), st.floats(-1e4, 1e6))
    )
    form = data.draw(st.sampled_from(list(FORMS)))
    fit = fit_one(form, Pairs(x, y))
    assert 0.3 <= fit.parameters["n"] <= 8
    assert fit.parameters["b"] >= 0
    assert 0 <= fit.parameters["eta_1"] <= fitting.ETA_LIMIT * np.abs(y).max() * (1 + 1e-12)
    if fit.status == "at bound":
        assert fit.at_bound
    assert np.isfinite(fit.predict(x)).all()


def test_parameters_that_the_wells_do_not_hold_are_named():
    x = uniform_inputs(SMALL, 30, np.random.default_rng(0))
    straight = fit_one("simple", Pairs(x, x.copy()))  # a straight line: saturation is out of sight
    assert straight.status == "at bound"
    assert {"theta_1", "theta_2"} & set(straight.at_bound)
    silent = fit_one("hill", Pairs(x, np.zeros_like(x)))
    assert {"eta_1", "eta_2"} <= set(silent.at_bound)
    np.testing.assert_array_equal(silent.predict(x), 0)


def test_a_search_that_breaks_down_is_a_status(monkeypatch):
    def break_down(problem, position):
        residuals, slopes = linearised(problem, position)
        return np.full_like(residuals, np.nan), slopes

    linearised = fitting.Problem.linearised
    monkeypatch.setattr(fitting.Problem, "linearised", break_down)
    fits = fit_many("hill", [real_pairs(COMPLEX, 20, seed) for seed in (0, 1)])
    assert [fit.status for fit in fits] == ["not converged"] * 2
    assert not fits[0].converged
    assert np.isfinite(fits[0].predict(EVERYWHERE)).all()  # the best of the starts


@pytest.mark.parametrize("form", FORM_NAMES)
def test_no_search_of_scipys_ends_lower(form):
    """Its dogleg in a box, from the same starts: the best of its optima is not below ours, nor are its residuals."""
    switch = reference_circuit("goldbeter_koshland")
    for wells, circuit in ((8, COMPLEX), (24, switch), (24, reference_circuit("mixed_complex")), (96, CYCLE)):
        pairs = real_pairs(circuit, wells, seed=1, domain=BIG)
        chosen = circuit_form(switch) if form == "true" else FORMS[form]
        problem = fitting.Problem(chosen, pairs.x, pairs.y)
        starts = fitting.spread_starts(chosen)

        def residuals(position, problem=problem):
            f = problem.relative_outputs(position)
            return (problem.eta(f) * f - problem.y).ravel()

        best = min(
            2 * least_squares(residuals, start, bounds=(problem.low, problem.high), method="dogbox", x_scale="jac").cost
            for start in fitting.best_distinct(starts, problem.sums_of_squares(starts))
        )
        fit = fit_one(form, pairs, switch)
        assert sum_of_squares(fit, pairs) <= best * problem.unit**2 * (1 + 1e-6), (wells, circuit.label)


@pytest.mark.parametrize("scale", [1e-20, 1e-9])
def test_inputs_next_to_nothing_are_fitted_without_a_warning(scale):
    pairs = real_pairs(COMPLEX, 20, seed=1)
    circuit = reference_circuit("mixed_complex")
    fit = fit_one("true", Pairs(scale * pairs.x, pairs.y), circuit)
    assert fit.status == "at bound"  # an affinity as large as that is out of reach
    assert np.isfinite(fit.predict(EVERYWHERE)).all()


def test_large_data_sets_are_fitted_to_all_their_wells():
    wells = 4 * fitting.SCREENING_WELLS
    pairs = real_pairs(COMPLEX, wells, seed=0)
    assert fit_one("hill", pairs).degrees_of_freedom == 2 * wells - 5
    assert sum_of_squares(fit_one("hill", pairs), pairs) < sum_of_squares(
        fit_one("hill", pairs.first(fitting.SCREENING_WELLS)), pairs
    )


@pytest.mark.parametrize(
    ("form", "name"),
    [
        *((form, "input_depletion") for form in FORM_NAMES),
        *(("true", name) for name in ("phosphorylation_cycle", "goldbeter_koshland", "mixed_complex")),
    ],
)
def test_neither_workers_nor_neighbours_change_a_fit(form, name, monkeypatch):
    circuit = reference_circuit(name)
    data = [real_pairs(COMPLEX, wells, seed) for wells in (5, 40) for seed in range(4)]
    alone = [fit_one(form, pairs, circuit) for pairs in data]
    assert fit_many(form, data, circuit) == alone
    monkeypatch.setattr(fitting, "PARALLEL_FROM", 1)
    monkeypatch.setattr(cores, "usable_cores", lambda: [0, 1])
    monkeypatch.setattr(least_squares_module, "usable_cores", lambda: [0, 1])
    assert fit_many(form, data, circuit) == alone


class TestLackOfFit:
    data = tuple(real_pairs(SIMPLE, 15, seed) for seed in range(250))

    def test_is_uniform_where_the_form_is_right(self):
        p = [lack_of_fit(fit, 1.0) for fit in fit_many("simple", list(self.data))]
        assert stats.kstest(p, "uniform").pvalue > 0.01

    def test_is_tiny_where_it_is_wrong(self):
        wrong = fit_one("simple", real_pairs(COMPLEX, 96, seed=0))
        assert lack_of_fit(wrong, 1.0) < 1e-6

    def test_is_the_chi_square_tail(self):
        pairs = real_pairs(COMPLEX, 10, seed=0, noise=2.0)
        fit = fit_one("hill", pairs)
        expected = stats.chi2(20 - 5).sf(sum_of_squares(fit, pairs) / 4)
        assert lack_of_fit(fit, 2.0) == pytest.approx(expected)

    def test_a_fit_that_cannot_be_tested_does_not_count_as_one_that_passed(self):
        noticed = fit_one("simple", real_pairs(COMPLEX, 96, seed=0))
        untested = fit_one("simple", real_pairs(COMPLEX, 2, seed=0))  # four numbers, four parameters
        assert share_noticed([noticed, untested, noticed], 1.0) == share_noticed([noticed, noticed], 1.0)
        assert share_noticed([noticed], 1.0).value == 1

    def test_of_nothing_that_can_be_tested_no_share_is_known(self):
        untested = fit_one("simple", real_pairs(COMPLEX, 2, seed=0))
        for fits in ([], [untested]):
            assert share(share_noticed(fits, 1.0)) == "unknown"


GOOD = real_pairs(COMPLEX, 5, seed=0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fit_many("cubic", [GOOD]), "'cubic'"),
        (lambda: fit_many("true", [GOOD]), "circuit is None"),
        (lambda: fit_many("hill", [Pairs(np.empty((0, 2)), np.empty((0, 2)))]), "at least one pair"),
        (lambda: fit_many("hill", [GOOD, Pairs(GOOD.x, np.full((5, 2), np.nan))]), "pair 0 .* not all finite"),
        (lambda: fit_many("hill", [Pairs(-GOOD.x, GOOD.y)]), "cannot be negative"),
        (lambda: fit_one("hill", GOOD).predict([1.0, 2.0]), r"shape \(2,\)"),
        (lambda: fit_one("hill", GOOD).predict([[-1.0, 2.0]]), "-1 nM"),
        (lambda: lack_of_fit(fit_one("hill", GOOD), 0.0), "the noise is 0.0 nM"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, named):
    with pytest.raises(ValueError, match=named):
        call()
