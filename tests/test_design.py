"""The choice of wells against brute force, closed forms, an independent Gaussian process, and poisoned truths."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from fewerwells.science.circuits import reference_circuit, simple_activation
from fewerwells.science.datasets import BIG, SMALL, Pairs, real_pairs, sobol_inputs
from fewerwells.science.design import beliefs, criteria
from fewerwells.science.design.beliefs import Belief, library_belief, linearised, process_belief
from fewerwells.science.design.candidates import Candidates, grid
from fewerwells.science.design.criteria import Batch, exchange, goal_matrix, lessons
from fewerwells.science.design.designs import DESIGNS, Library, Optimal, next_wells_of_each
from fewerwells.science.design.reading import ALL_DESIGNS
from fewerwells.science.design.rounds import in_rounds
from fewerwells.science.fitting import fit_many
from fewerwells.science.gaussian_processes import fit_gaussian_processes
from fewerwells.science.learners.in_context import ReadInContext

COMPLEX = reference_circuit("n_part_complex")
SWITCH = reference_circuit("goldbeter_koshland")
WELLS = real_pairs(COMPLEX, 16, seed=1)
GRID = grid(0, 10, 1)
REGION = sobol_inputs(BIG, 64)


def random_belief(seed, size=5, mechanisms=0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(len(GRID), 2, size))
    index = {tuple(x): i for i, x in enumerate(GRID.x.tolist())}
    rows = np.eye(size)[:mechanisms] if mechanisms else np.empty((0, 0))
    return Belief(lambda x: table[[index[tuple(row)] for row in x.tolist()]], size, np.array([0.5, 2.0]), rows)


def covariance_after(belief, x):
    scaled = (belief.features(x) / belief.noise[:, None]).reshape(-1, belief.size)
    return np.linalg.inv(np.eye(belief.size) + scaled.T @ scaled)


class TestBatch:
    @settings(max_examples=20)
    @given(st.integers(0, 10_000), st.lists(st.integers(0, 120), max_size=6), st.data())
    def test_what_a_well_is_worth_is_what_inverting_the_information_says(self, seed, filled, data):
        belief = random_belief(seed)
        goal = criteria.prediction_goal(belief, GRID.x)
        batch, informed = (Batch(belief.features(GRID.x) / belief.noise[:, None], aim) for aim in (goal, None))
        for index in filled:
            batch.fill(index)
            informed.fill(index)
        for index in data.draw(st.lists(st.sampled_from(filled), unique=True)) if filled else ():  # exchanged
            batch.take_back(index)
            informed.take_back(index)
            filled.remove(index)
        before = covariance_after(belief, GRID.x[filled])
        for index in (0, 60, 120):
            after = covariance_after(belief, GRID.x[[*filled, index]])
            assert batch.worth()[index] == pytest.approx(np.trace(goal @ (before - after)), rel=1e-6, abs=1e-9)
            gained = np.linalg.slogdet(before)[1] - np.linalg.slogdet(after)[1]
            assert informed.worth()[index] == pytest.approx(gained, rel=1e-6, abs=1e-9)

    @pytest.mark.parametrize("told", [1, 1e3, 1e6])
    def test_a_well_that_is_taken_back_leaves_nothing_however_much_it_told(self, told):
        belief = random_belief(3)
        features, goal = belief.features(GRID.x) / belief.noise[:, None], criteria.prediction_goal(belief, GRID.x)
        features[50] *= told
        batch, without = Batch(features, goal), Batch(features, goal)
        for index in (7, 50, 50, 90):  # a well that tells much is filled twice, so that one of the two tells little
            batch.fill(index)
        for index in (50, 50):
            batch.take_back(index)
        for index in (7, 90):
            without.fill(index)
        others = np.arange(len(GRID)) != 50
        np.testing.assert_allclose(batch.worth()[others], without.worth()[others], rtol=1e-6)

    @pytest.mark.parametrize("told", [1, 1e3, 1e4, 1e8])
    def test_a_replicate_is_worth_what_is_left_where_both_outputs_tell_the_same_and_much(self, told):
        """As at the origin of the cycle, whose outputs jump together; the truth from a singular value decomposition."""
        belief = random_belief(3)
        features, goal = belief.features(GRID.x) / belief.noise[:, None], criteria.prediction_goal(belief, GRID.x)
        features[50, 0] *= told
        features[50, 1] += 1.3 * features[50, 0]
        batch, chosen = Batch(features, goal), [7, 50, 90, 12]
        for index in (90, 50, 7, 12):
            batch.fill(index)
        for index in chosen:
            batch.take_back(index)
            batch.fill(98)
            batch.take_back(98)
            batch.fill(index)
        stacked = np.vstack([np.eye(belief.size), features[chosen].reshape(-1, belief.size)])
        *_, values, directions = np.linalg.svd(stacked, full_matrices=False)
        root = directions.T / values  # of the covariance after the wells
        left, aim = features @ root, root.T @ goal @ root
        expected = [np.trace(np.linalg.inv(well @ well.T + np.eye(2)) @ (well @ aim @ well.T)) for well in left]
        sure = slice(None) if told <= 1e4 else np.arange(len(GRID)) != 50
        np.testing.assert_allclose(batch.worth()[sure], np.array(expected)[sure], atol=1e-5 * max(expected), rtol=0)

    def test_a_well_that_is_filled_again_at_once_leaves_no_rounding(self):
        belief = random_belief(3)
        batch = Batch(belief.features(GRID.x) / belief.noise[:, None], criteria.prediction_goal(belief, GRID.x))
        for index in (7, 50, 90):
            batch.fill(index)
        before = batch.worth()
        batch.take_back(50)
        batch.fill(50)
        np.testing.assert_array_equal(batch.worth(), before)


class TestExchange:
    few = Candidates(GRID.x[::10], replicates=2)

    @pytest.mark.parametrize("seed", range(6))
    def test_finds_the_best_pair_or_one_within_a_hundredth(self, seed):
        belief = random_belief(seed)
        goal = criteria.prediction_goal(belief, GRID.x)

        def left(x):
            return np.trace(goal @ covariance_after(belief, x))

        pairs = itertools.combinations_with_replacement(range(len(self.few)), 2)
        best = min(left(self.few.x[list(pair)]) for pair in pairs)
        assert left(self.few.x[exchange(self.few, belief, goal, 2)]) <= best * 1.01

    def test_a_straight_line_is_measured_at_its_ends(self):
        # D-optimal for intercept and slope: half of the wells at either end (Fedorov 1972)
        def line(x):
            features = np.zeros((len(x), 2, 2))
            features[:, 0] = np.stack([np.ones(len(x)), x[:, 0]], axis=1)
            return 1e3 * features

        belief = Belief(line, 2, np.ones(2))
        candidates = Candidates(np.stack([np.arange(11.0), np.zeros(11)], axis=1))
        chosen = candidates.x[exchange(candidates, belief, None, 6), 0]
        assert sorted(chosen) == [0, 0, 0, 10, 10, 10]

    def test_no_candidate_is_filled_more_often_than_allowed(self):
        belief = random_belief(0)
        chosen = exchange(self.few, belief, criteria.prediction_goal(belief, GRID.x), 2 * len(self.few))
        assert np.bincount(chosen).tolist() == [2] * len(self.few)

    def test_mechanisms_are_told_apart_where_their_predictions_lie_furthest_apart(self):
        def features(x):  # two mechanisms, known but for which it is, that differ by x₁·x₂ in y₁
            difference = np.stack([x.prod(axis=1), np.zeros(len(x))], axis=1)
            return np.stack([difference / 2, -difference / 2], axis=-1) / np.sqrt(2)

        share = np.array([0.5, 0.5])
        rows = np.diag(np.sqrt(share)) - np.outer(share, np.sqrt(share))
        belief = Belief(features, 2, np.ones(2), rows)
        assert np.trace(rows.T @ rows) == pytest.approx(0.5)  # Σ w(1 − w)
        goal = goal_matrix("mechanisms", belief, REGION)
        np.testing.assert_array_equal(GRID.x[exchange(GRID, belief, goal, 1)], [[10, 10]])


class TestSlopes:
    def test_are_those_of_the_formula(self):
        source = reference_circuit("simple_activation")
        (fit,) = fit_many("simple", [Pairs(REGION, source(REGION))])
        theta, eta = np.array(source.theta), np.array(source.eta)
        names = [name for name in fit.parameters if not name.startswith("eta")] + ["eta_1", "eta_2"]
        found = linearised(fit, REGION)[1]
        for i, name in enumerate(("theta_1", "theta_2")):
            step = 1e-6
            moved = theta * np.exp(step * np.eye(2)[i])
            expected = 1.5 * (simple_activation(REGION, moved, eta) - simple_activation(REGION, theta, eta)) / step
            np.testing.assert_allclose(found[..., names.index(name)], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found[:, 1, names.index("eta_2")], 1.5 * source(REGION)[:, 1], rtol=1e-6)
        np.testing.assert_allclose(found[:, 0, names.index("eta_2")], 0, atol=1e-9)

    def test_outputs_of_one_protein_rise_together(self):
        (fit,) = fit_many("true", [real_pairs(SWITCH, 24, seed=0)], SWITCH)
        assert fit.parameters["eta_1"] == fit.parameters["eta_2"]
        np.testing.assert_allclose(linearised(fit, REGION)[1][..., -1], 1.5 * fit.predict(REGION), rtol=1e-6)

    def test_a_parameter_at_zero_still_has_one(self):
        (fit,) = fit_many("family", [real_pairs(reference_circuit("phosphorylation_cycle"), 30, seed=1, noise=0.0)])
        assert fit.parameters["b"] == 0
        found = linearised(fit, REGION)[1]
        assert np.isfinite(found).all()
        assert np.abs(found[..., list(fit.parameters).index("b")]).max() > 0.1


def test_the_belief_of_the_library_is_as_wide_as_refits_on_new_noise_are_apart():
    """Two thirds of the refits' predictions lie within one predicted standard deviation of the truth."""
    x, circuit = real_pairs(SWITCH, 40, seed=0, domain=BIG).x, SWITCH
    rng = np.random.default_rng(0)
    data = [Pairs(x, circuit(x) + rng.standard_normal(x.shape)) for _ in range(40)]
    fits = fit_many("true", data, circuit)
    only = {"goldbeter_koshland": fits[0]}
    belief = library_belief(beliefs.Average(only, {"goldbeter_koshland": 1.0}), data[0], noise=1.0)
    predicted = np.sqrt(np.square(belief.features(REGION)).sum(axis=-1)).mean()
    found = np.std([fit.predict(REGION) for fit in fits], axis=0).mean()
    assert found == pytest.approx(predicted, rel=0.3)


def test_a_gaussian_process_believes_what_scikit_learn_says():
    process = fit_gaussian_processes([WELLS])[0]
    x = np.concatenate([sobol_inputs(SMALL, 64), WELLS.x])
    found = np.sqrt(np.square(process_belief(process, WELLS).features(x)).sum(axis=-1))
    for output, values in enumerate(process.hyperparameters):
        kernel = values["amplitude"] ** 2 * Matern((values["length_1"], values["length_2"]), nu=2.5)
        oracle = GaussianProcessRegressor(kernel, alpha=values["noise"] ** 2, optimizer=None)
        _, expected = oracle.fit(WELLS.x, WELLS.y[:, output]).predict(x, return_std=True)
        np.testing.assert_allclose(found[:, output], expected, rtol=0.02, atol=0.01 * values["amplitude"])


class TestDesigns:
    @pytest.mark.parametrize("name", ALL_DESIGNS)
    @pytest.mark.parametrize("wells", [None, WELLS], ids=["first", "next"])
    def test_choose_among_the_candidates_and_the_same_for_a_seed(self, name, wells):
        first, again = (ALL_DESIGNS[name].next_wells(wells, GRID, 8, seed=5) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == (8, 2)
        assert {tuple(x) for x in first.tolist()} <= {tuple(x) for x in GRID.x.tolist()}
        assert np.unique(first, axis=0, return_counts=True)[1].max() <= GRID.replicates

    @pytest.mark.parametrize("name", ALL_DESIGNS)
    def test_without_replicates_no_well_is_filled_twice(self, name):
        once = Candidates(GRID.x, replicates=1)
        assert len(np.unique(ALL_DESIGNS[name].next_wells(WELLS, once, 12, seed=0), axis=0)) == 12

    @pytest.mark.parametrize("name", ["random", "Sobol", "Sobol, logarithmic", "diagonal"])
    def test_rounds_go_on_where_the_last_one_stopped(self, name):
        candidates = grid(0, 10, 0.1)
        at_once = DESIGNS[name].next_wells(None, candidates, 24, seed=2)
        in_turn = in_rounds(DESIGNS[name], lambda x, _: COMPLEX(x), candidates, (8, 16), seed=2).x
        np.testing.assert_array_equal(in_turn, at_once)

    def test_logarithmic_wells_lie_lower(self):
        even, logarithmic = (DESIGNS[name].next_wells(None, GRID, 32, 0) for name in ("Sobol", "Sobol, logarithmic"))
        assert np.median(logarithmic) < np.median(even) - 1

    def test_the_diagonal_is_one(self):
        x = DESIGNS["diagonal"].next_wells(None, GRID, 8, 0)
        np.testing.assert_array_equal(x[:, 0], x[:, 1])

    def test_no_random_wells_expect_to_teach_more(self):
        learner = Library()
        (belief,) = learner.believe([WELLS])
        points = sobol_inputs(BIG, 256)
        chosen = lessons(belief, Optimal("", learner).choose(belief, GRID, 8), points).after
        for seed in range(20):
            assert chosen < lessons(belief, DESIGNS["random"].next_wells(None, GRID, 8, seed), points).after

    @pytest.mark.parametrize("name", ["library", "Gaussian process", "Sobol", "I-optimal, simple model"])
    def test_plates_that_are_chosen_for_together_get_what_each_would_get_alone(self, name):
        plates = [real_pairs(COMPLEX, 12, seed) for seed in range(3)]
        alone = [DESIGNS[name].next_wells(plate, GRID, 4, seed) for seed, plate in enumerate(plates)]
        np.testing.assert_array_equal(next_wells_of_each(DESIGNS[name], plates, GRID, 4, range(3)), alone)

    def test_without_a_mechanism_it_is_not_believed_in(self):
        data = real_pairs(SWITCH, 24, seed=0)
        whole, without = (Library(name).believe([data])[0] for name in ("", "goldbeter_koshland"))
        errors = [lessons(belief, GRID.x[:1], REGION).now for belief in (whole, without)]
        assert errors[0] < errors[1]


class TestNoTruthIsSeen:
    """A design knows wells and simulations. Whoever poisons the rest changes nothing."""

    @pytest.mark.parametrize(
        "name", ["library", "library, both", "Gaussian process", "I-optimal, simple model", "in-context network"]
    )
    def test_the_wells_asked_for_are_those_that_a_recording_is_asked_for(self, name):
        record = []

        def measure(x, so_far):
            record.append((so_far, COMPLEX(x)))
            return record[-1][1]

        live = in_rounds(ALL_DESIGNS[name], measure, GRID, (8, 8), seed=0)
        tape = dict(record)
        replayed = in_rounds(ALL_DESIGNS[name], lambda x, so_far: tape[so_far], GRID, (8, 8), seed=0)
        np.testing.assert_array_equal(replayed.x, live.x)

    def test_parameters_of_reference_circuits_are_not_known_to_the_library(self, monkeypatch):
        expected = [Library().believe([wells])[0].features(REGION) for wells in (None, WELLS)]

        def poisoned(name):
            circuit = reference_circuit(name)
            own = {key: 7 * value for key, value in circuit.own_parameters.items() if key in ("resource", "saturation")}
            return replace(circuit, eta=tuple(3 * value for value in circuit.eta), **own)

        monkeypatch.setattr(beliefs, "reference_circuit", poisoned)
        monkeypatch.setattr("fewerwells.science.library.reference_circuit", poisoned)
        for wells, features in zip((None, WELLS), expected, strict=True):
            (belief,) = Library().believe([wells])
            np.testing.assert_allclose(belief.features(REGION), features, rtol=1e-9, atol=1e-9)

    def test_a_design_that_reads_no_wells_asks_for_the_same_whatever_they_say(self):
        other = Pairs(WELLS.x, 100 - WELLS.y)
        for name in ("random", "Sobol", "diagonal", "D-optimal, simple model"):
            one, two = (DESIGNS[name].next_wells(wells, GRID, 8, 0) for wells in (WELLS, other))
            np.testing.assert_array_equal(one, two)


class TestLeastSure:
    """The network's own doubt, read anew from the network for every well."""

    def test_the_first_well_of_a_round_is_where_its_interval_is_widest(self):
        low, high = ReadInContext().learn([WELLS], [0]).interval(GRID.x, 0.8)
        doubt = np.square(high - low)[0].sum(axis=-1)
        (first,) = ALL_DESIGNS["in-context network"].next_wells(WELLS, GRID, 1, 0)
        np.testing.assert_array_equal(first, GRID.x[np.argmax(doubt)])

    def test_the_second_one_takes_the_first_as_read_at_its_median(self):
        design = ALL_DESIGNS["in-context network"]
        first, second = design.next_wells(WELLS, GRID, 2, 0)
        believed = ReadInContext().learn([WELLS], [0]).predict(first[None])[0]
        after = Pairs(np.vstack([WELLS.x, first]), np.vstack([WELLS.y, believed]))
        np.testing.assert_array_equal(second, design.next_wells(after, GRID, 1, 0)[0])

    def test_units_do_not_matter(self):
        design = ALL_DESIGNS["in-context network"]
        here = design.next_wells(WELLS, GRID, 8, 0)
        there = design.next_wells(Pairs(1000 * WELLS.x, 0.01 * WELLS.y), Candidates(1000 * GRID.x), 8, 0)
        np.testing.assert_allclose(there, 1000 * here)


@pytest.mark.parametrize("much", [1, 1e3, 1e6])
def test_lessons_are_differences_of_expected_errors_however_much_a_well_tells(much):
    belief, wells = random_belief(4), GRID.x[[3, 50, 7, 7, 90]]
    tells = np.where((GRID.x == GRID.x[50]).all(axis=1), much, 1.0)
    index = {tuple(x): i for i, x in enumerate(GRID.x.tolist())}
    loud = replace(
        belief, features=lambda x: tells[[index[tuple(row)] for row in x.tolist()], None, None] * belief.features(x)
    )
    region = GRID.x[tells == 1]
    told = lessons(loud, wells, region)

    def error(x):
        scaled = (loud.features(x) / loud.noise[:, None]).reshape(-1, loud.size)
        *_, values, directions = np.linalg.svd(np.vstack([np.eye(loud.size), scaled]), full_matrices=False)
        return np.sqrt(np.square(loud.features(region) @ directions.T / values).sum(axis=-1).mean())

    assert told.now == pytest.approx(error(wells[:0]))
    assert told.after == pytest.approx(error(wells))
    for i in range(len(wells)):
        assert told.now - told.teaches[i] == pytest.approx(error(wells[[i]]))
        assert told.after + told.cost_without[i] == pytest.approx(error(np.delete(wells, i, axis=0)))


@pytest.mark.parametrize("name", ALL_DESIGNS)
def test_which_designs_begin_alike_is_as_they_say(name):
    design = ALL_DESIGNS[name]
    one, other = (design.next_wells(None, GRID, 8, seed) for seed in (0, 1))
    assert np.array_equal(one, other) == design.begins_alike


@pytest.mark.parametrize("name", ["library", "Gaussian process"])
def test_plates_with_and_without_wells_are_not_asked_together(name):
    with pytest.raises(ValueError, match="2 of 3 plates have no well yet"):
        next_wells_of_each(DESIGNS[name], [None, WELLS, None], GRID, 8, [0, 1, 2])


GOOD = GRID.x[:3]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Candidates(np.empty((0, 2))), "at least one well"),
        (lambda: Candidates(np.ones((3, 3))), r"shape \(3, 3\)"),
        (lambda: Candidates(-GOOD - 1), "0 nM or more"),
        (lambda: Candidates(GOOD, replicates=0), "replicates is 0"),
        (lambda: grid(5, 5, 1), "5 to 5 nM"),
        (lambda: grid(-1, 5, 1), "-1 to 5 nM"),
        (lambda: grid(0, 5, 0), "step is 0 nM"),
        (lambda: grid(0, 5, 6), "at most 5 nM"),
        (lambda: grid(0, 5, 0.001), "25,010,001 candidates"),
        (lambda: goal_matrix("fame", random_belief(0), GRID.x), "'fame'"),
        (lambda: goal_matrix("both", random_belief(0), GRID.x), "fewer than two"),
        (lambda: DESIGNS["library"].next_wells(Pairs(-WELLS.x, WELLS.y), GRID, 8, 0), "cannot be negative"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, named):
    with pytest.raises(ValueError, match=named):
        call()


@pytest.mark.parametrize("name", ALL_DESIGNS)
@pytest.mark.parametrize(("n", "named"), [(0, "0 wells were asked for"), (7, "each may be filled 2 times")])
def test_fewer_candidates_than_wells_are_refused(name, n, named):
    with pytest.raises(ValueError, match=named):
        ALL_DESIGNS[name].next_wells(None, Candidates(GOOD, replicates=2), n, 0)


@settings(max_examples=30)
@given(st.floats(0, 50), st.floats(0.5, 50), st.integers(1, 40), st.integers(1, 9))
def test_grids_hold_both_ends_and_nothing_beyond(low, width, steps, n):
    candidates = grid(low, low + width, width / steps)
    assert len(candidates) == (steps + 1) ** 2
    assert candidates.x.min() == low
    assert candidates.x.max() == pytest.approx(low + width)
    assert len(candidates.nearest(candidates.x[:n])) == min(n, len(candidates))
