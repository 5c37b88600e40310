"""What a student was promised: right answers pass, wrong ones get a hint, and the answer is nowhere to be read."""

import ast
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from fewerwells.course import check, checking, sealing
from fewerwells.course.small_study import SEEDS
from fewerwells.course.source import exercises, read, student, tags
from fewerwells.running.reading_order import exercise_notebooks, project_root
from fewerwells.science.circuits import Circuit, reference_circuit, simple_activation
from fewerwells.science.datasets import BIG, SMALL, Pairs, outside_pairs, real_pairs, synthetic_pairs
from fewerwells.science.fitting import fit_many
from fewerwells.science.statistics import iqm, resampled_seeds
from fewerwells.science.training import Schedule, train
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, HowMany, Wells

ROOT = project_root(Path(__file__).parent)
SOURCES = exercise_notebooks(ROOT)


def run(cells, namespace):
    """Cells of a source in one namespace, as a kernel would; the value of the last check is kept."""
    for cell in cells:
        code = cell.source
        if "check" in tags(cell):
            exercise, answer = ast.parse(code).body[-1].value.args
            namespace["answered"][exercise.value] = eval(ast.unparse(answer), namespace)
            code = f"verdicts.append({code})"
        exec(compile(code, cell.id, "exec"), namespace)


@pytest.fixture(scope="module")
def solved():
    """Every source run with its solutions: the verdicts and the namespace of each chapter."""
    found = {}
    for name, path in SOURCES.items():
        namespace = {"verdicts": [], "answered": {}, "__name__": "solved"}
        run([cell for cell in read(path).cells if cell.cell_type == "code"], namespace)
        found[name] = namespace
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_every_solution_passes_its_check(solved, name):
    """The seals are proved on the way: a cell tagged seal raises where it does not fit the solution."""
    verdicts = solved[name]["verdicts"]
    assert [verdict.exercise for verdict in verdicts] == [each.number for each in exercises(read(SOURCES[name]))]
    assert all(verdict.right for verdict in verdicts), verdicts


@pytest.mark.parametrize("name", SOURCES)
def test_three_to_six_exercises_from_predict_to_extend(name):
    found = exercises(read(SOURCES[name]))
    assert 3 <= len(found) <= 6
    assert found[-1].kind == "Extend the study"
    assert any(each.kind == "Predict, then run" for each in found)


@pytest.mark.parametrize("name", SOURCES)
def test_every_exercise_has_all_its_parts_in_order(name):
    kinds = [tag for cell in read(SOURCES[name]).cells for tag in tags(cell) if tag not in ("hide-cell", "remove-cell")]
    order = ["exercise", "blank", "solution", "seal", "check", "teacher-note"]
    for kind, group in itertools.groupby(kinds, lambda kind: kind):
        assert kind in order
        assert kind == "solution" or len(list(group)) == 1
    for start in [index for index, kind in enumerate(kinds) if kind == "exercise"]:
        part = list(itertools.takewhile(lambda kind: kind != "exercise", kinds[start + 1 :]))
        assert set(order[1:]) - {"seal"} <= set(part)
        assert sorted(part, key=order.index) == part


@pytest.mark.parametrize("exercise", checking.exercises())
@pytest.mark.parametrize("blank", [..., None, "", [...], {"a": ...}, []])
def test_a_blank_is_called_blank(exercise, blank):
    verdict = check(exercise, blank)
    assert not verdict.right
    assert "blank" in verdict.words


def outputs(function):
    """A wrong simulation: both outputs as one function of both inputs."""
    return lambda x1, x2: tuple(function(np.array([x1, x2])))


def demand(x):
    return np.array([0.2, 0.4]) * x


ETA = np.array([40.0, 30.0])
SCRATCH, ORACLE = ARMS["scratch"].wells, ARMS["oracle"].wells
GRID = np.stack(np.meshgrid(np.linspace(0.5, 9.5, 6), np.linspace(0.5, 9.5, 4)), axis=-1).reshape(-1, 2)
LOW_CORNER = np.stack(np.meshgrid(np.linspace(0, 2, 6), np.linspace(0, 2, 4)), axis=-1).reshape(-1, 2)
PLATE = real_pairs(reference_circuit("n_part_complex"), 24, 0)
RISING = np.linspace(0.4, 9.6, 24)


def holding_out(least=1, spare=1, fixed=None, draw=lambda names, rng: rng.choice(names, len(names), replace=False)):
    """Hold whole conditions out; each argument is one thing to get wrong."""

    def hold_out(conditions, share, rng):
        names = sorted(set(conditions))
        number = fixed or min(max(least, round(share * len(names))), len(names) - spare)
        chosen = set(draw(names, rng)[:number])
        return np.array([name in chosen for name in conditions])

    return hold_out


def replicates(y, conditions):
    """Mean and variance of each condition's wells."""
    groups = [y[conditions == name] for name in np.unique(conditions)]
    return np.array([group.mean() for group in groups]), np.array([group.var(ddof=1) for group in groups])


def both_noises(power=2, taken=lambda a2, p2: (a2**0.5, p2**0.5)):
    """A weighted line through variances, or through standard deviations, which is wrong."""

    def two_noises(y, conditions):
        means, variances = replicates(y, conditions)
        spread = variances ** (power / 2)
        p, a = np.polyfit(means**power, spread, 1, w=1 / spread)
        return taken(max(a, 0.0), max(p, 0.0))

    return two_noises


def most_likely_noises(y, conditions):
    """Both noises by maximum likelihood of the replicates' variances."""
    means, variances = replicates(y, conditions)

    def surprise(logs):
        total = np.exp(2 * logs[0]) + np.exp(2 * logs[1]) * means**2
        return np.sum(np.log(total) + variances / total)

    return np.exp(minimize(surprise, np.log([np.sqrt(variances.min()), 0.1]), method="Nelder-Mead").x)


def means_of_draws(low, high, of=np.mean):
    """The bootstrap of exercise 3.3, with whatever share it leaves out and whatever it takes of each draw."""
    return lambda v: np.quantile(of(np.random.default_rng(0).choice(v, (1000, len(v))), axis=1), [low, high])


def drawn_apart(first, second):
    """An interval that forgets which errors share a seed."""
    rng = np.random.default_rng(0)
    draws = [rng.choice(np.log(arm), (1000, len(arm))).mean(axis=1) for arm in (first, second)]
    return np.exp(np.quantile(draws[0] - draws[1], [0.025, 0.975]))


def around(values, reach=2.0):
    """Mean and some standard errors to each side."""
    error = values.std(ddof=1) / len(values) ** 0.5
    return np.array([values.mean() - reach * error, values.mean() + reach * error])


def quantile_band(tail):
    return lambda draws: np.quantile(draws, [tail, 1 - tail], axis=0)


def one_width(draws):
    """A band as wide at every volume as the widest needs."""
    reach = np.quantile(np.abs(draws - draws.mean(axis=0)).max(axis=1), 0.95)
    return draws.mean(axis=0) - reach, draws.mean(axis=0) + reach


def seeds(errors_away=2.8, sd_power=2, in_logs=True):
    """The number of seeds by a rule that is right as it stands."""

    def plan(ratio, limit, sd):
        distance = np.log(limit / ratio) if in_logs else limit - ratio
        return errors_away**2 * sd**sd_power / distance**2 + 1

    return plan


def half(errors, choosing, judging):
    logs = np.log(errors)
    winner = 1 + int(logs[choosing, 1:].mean(axis=0).argmin())
    return winner, np.exp((logs[judging, winner] - logs[judging, 0]).mean())


THAN_SCRATCH = {"swapped": "worse", "transfer": "better", "shuffled": "worse", "step-matched": "worse"}
NAMES = ("batch size", "learning rate", "input scaling")


def sweep_file(chapter="03_experiment_1", fixed=(), grid=(), drop=()):
    """A fair sweep of batch size and learning rate, but for what is said here."""
    fixed = {"profile": "paper", "n_seeds": 10, "volumes": [96, 200, 350, 500]} | dict(fixed)
    grid = {"batch_size": [64, 256], "learning_rate": [3e-4, 1e-3]} | dict(grid)
    content = {"chapter": chapter} | {
        part: {name: value for name, value in values.items() if name not in drop}
        for part, values in (("fixed", fixed), ("grid", grid))
    }
    return json.dumps(content)  # YAML as well


def gain(operations, spread=lambda networks, pairs: networks * pairs):
    """How many times sooner networks finish together, if a pair costs so many operations."""

    def times(sizes, networks, pairs):
        cost = operations(np.array([a * b for a, b in itertools.pairwise(sizes)]), np.array(sizes[1:])) / 1e10
        return networks * (1e-3 + pairs * cost) / (1e-3 + spread(networks, pairs) * cost)

    return times


def slopes(rule, h=1e-5):
    """A gradient by small steps, given what to do with the losses after a step up, none, and a step down."""

    def gradient(loss, weights):
        return np.array(
            [
                rule(loss(weights + h * step), loss(weights), loss(weights - h * step), h)
                for step in np.eye(len(weights))
            ]
        )

    return gradient


def adam(correct=(1, 1), root=True, power=2, inside=0.0, sign=-1):
    """Adam's step, right as it stands."""

    def step(w, g, m, v, t, rate):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * np.abs(g) ** power
        m_hat, v_hat = (m / (1 - 0.9**t) if correct[0] else m), (v / (1 - 0.999**t) if correct[1] else v)
        below = np.sqrt(v_hat + inside) if root else v_hat
        return w + sign * rate * m_hat / (below + (0 if inside else 1e-8)), m, v

    return step


def ahead(goal=lambda path: path[-1][1], pick=min, never=np.inf, top=1.0, end=lambda path: path[-1][1]):
    """Start, pace and end of two paths, right as they stand."""

    def three(transfer, scratch):
        reached = [epoch for epoch, error in scratch if error <= goal(transfer)]
        start, last = scratch[0][1] / transfer[0][1], end(scratch) / end(transfer)
        return start**top, pick(reached, default=never), last**top

    return three


REGULAR = np.stack(np.meshgrid([1.25, 3.75, 6.25, 8.75], [2.5, 7.5]), axis=-1).reshape(-1, 2)
EVEN, ODD, ALL = slice(0, None, 2), slice(1, None, 2), slice(None)


def chi_squared(freedom=lambda residuals, p: residuals.size - p, tail=chi2.sf, power=2):
    """The test of a fit, right as it stands."""
    return lambda residuals, p, noise: tail((residuals**2).sum() / noise**power, freedom(residuals, p))


def steps_of(wells, synthetic, before, after, batch):
    return before * -(-synthetic // batch) + after * -(-wells // batch)


def fine_tuned(**changes):
    schedule = Schedule(**({"epochs": 100} | changes))
    return lambda networks, plates: train(networks, plates, schedule, keys=SEEDS).ensemble


def replay(networks, plates):
    synthetic = [outside_pairs(SIMPLE_MODEL, len(plate), seed) for plate, seed in zip(plates, SEEDS, strict=True)]
    return fine_tuned()(networks, stacked(plates, synthetic))


def stacked(plates, more):
    return [
        Pairs(np.concatenate([plate.x, other.x]), np.concatenate([plate.y, other.y]))
        for plate, other in zip(plates, more, strict=True)
    ]


# exercise, a wrong answer, and a word of the hint that it should get
WRONG = [
    ("1.1", 0.1, "power"),
    ("1.1", 5, "power"),
    ("1.1", 9, "power"),
    ("1.1", -10, "0 to 20"),
    ("1.1", "ten", "number"),
    ("1.2", outputs(lambda x: ETA * demand(x) / (1 + demand(x))), "share one resource"),
    ("1.2", outputs(lambda x: ETA * demand(x) / demand(x).sum()), "without the 1"),
    ("1.2", outputs(lambda x: simple_activation(x)[::-1]), "order"),
    ("1.2", outputs(lambda x: simple_activation(x) / ETA), "shares"),
    ("1.2", outputs(lambda x: simple_activation(x) / ETA * ETA[::-1]), "which η"),
    ("1.2", outputs(lambda x: simple_activation(x) * 1.02), "half of η₁"),
    ("1.2", lambda x1, x2: 1 / 0, "ZeroDivisionError"),
    ("1.2", lambda x1: x1, "take x1 and x2"),
    ("1.2", lambda x1, x2: ..., "blank"),
    ("1.2", 3, "function"),
    ("1.3", {"B"}, "only one"),
    ("1.3", {"D"}, "only one"),
    ("1.3", {"A", "C"}, "possible ones"),
    ("1.3", {"C"}, "together"),
    ("1.3", {"A", "B"}, "share"),
    ("1.3", {1, "B"}, "share"),
    ("1.4", [(5, 5), (5.05, 5)], "ratio"),
    ("1.4", [(0.001, 0.2), (0.2, 0.001)], "less than 0.1"),
    ("1.4", [(0, 0), (0.05, 0.001)], "convention"),
    ("1.4", [(-0.001, 0.05), (0.05, 0.001)], "between 0 and 20"),
    ("1.4", [(np.nan, np.nan)] * 2, "between 0 and 20"),
    ("1.4", 7, "Two input pairs"),
    ("1.6", (2, 1), "careful lab"),
    ("1.6", (1.1, 1), "trusted everywhere"),
    ("1.6", (1, 0.5), "careful lab"),
    ("1.6", (5, 1), "family"),
    ("1.6", 1.2, "Two numbers"),
    ("2.1", 480, "weights"),
    ("2.1", 492, "own network"),
    ("2.1", 521, "layers"),
    ("2.1", "522", "number"),
    ("2.2", lambda p, t: ((p - t) ** 2).mean(), "Squares"),
    ("2.2", lambda p, t: (p - t).mean(), "cancel"),
    ("2.2", lambda p, t: np.sqrt(((p - t) ** 2).mean()), "square root"),
    ("2.2", lambda p, t: np.abs(p - t).sum(), "sum grows"),
    ("2.2", lambda p, t: np.abs(p - t).mean(axis=1), "shape"),
    ("2.2", lambda p, t: np.abs(p - t).max(), "worst"),
    ("2.3", 1.0, "standard deviation"),
    ("2.3", 0.0, "not"),
    ("2.3", 1.596, "two outputs"),
    ("2.3", 79.8, "per cent"),
    ("2.3", 0.83, "mean of their absolute"),
    ("2.4", (1.24, 2.00), "first"),
    ("2.4", (0.5, 0.81), "shares"),
    ("2.4", (10, 10), "mean over the seeds"),
    ("2.4", (-1, 1), "positive"),
    ("2.5", ["fresh", "shuffled", "pre-trained", "shuffled", "fresh", "pre-trained"], "Smallest"),
    ("2.5", ["pre-trained", "shuffled", "fresh"] * 2, "nonsense start"),
    ("2.5", ["pre-trained", "fresh", "shuffled"], "6 values"),
    ("2.6", np.full((24, 2), 5.0), "times what random wells give"),
    ("2.6", GRID / 4, "times what random wells give"),
    ("2.6", GRID * 2, "outside"),
    ("2.6", GRID[:20], "24 wells"),
    ("3.1", 559.017, "number of wells from scratch"),
    ("3.1", 2.83, "same number of wells"),
    ("3.1", 16.73, "logarithms"),
    ("3.1", 1 / 11.18, "on top"),
    ("3.1", 11.9, "Interpolate"),
    ("3.2", 2000, "more work"),
    ("3.2", 750_000, "Fine-tuning"),
    ("3.2", 750_201, "both phases"),
    ("3.3", lambda v: tuple(np.quantile(v, [0.025, 0.975])), "spread"),
    ("3.3", lambda v: (v.mean() - v.std() / len(v) ** 0.5, v.mean() + v.std() / len(v) ** 0.5), "too narrow"),
    ("3.3", lambda v: (v.mean() - 9 * v.std() / len(v) ** 0.5, v.mean() + 9 * v.std() / len(v) ** 0.5), "too wide"),
    ("3.3", means_of_draws(0.005, 0.995), "too wide"),
    ("3.3", means_of_draws(0.05, 0.95), "too narrow"),
    ("3.3", means_of_draws(0.025, 0.975, np.median), "take for a mean"),
    ("3.3", lambda v: (v.max(), v.min()), "above"),
    ("3.4", 1.0, "reported"),
    ("3.4", 1.417, "seem to lose"),
    ("3.4", -0.349, "logarithm"),
    ("3.4", 0.78, "smallest"),
    ("3.5", 0.02, "larger"),
    ("3.5", 4.27, "difference"),
    ("3.5", 3.0, "simulation"),
    ("3.6", Schedule(100), "forgotten"),
    ("3.6", Schedule(10, learning_rate=1e-5), "too careful"),
    ("3.6", Schedule(10, learning_rate=1e39), "too careful"),
    ("3.6", Schedule(100_000), "5000"),
    ("3.6", 100, "Schedule"),
    ("4.1", ["cycle", "n = 1.5", "n = 2", "n = 4"], "origin"),
    ("4.1", ["n = 1.5", "n = 2", "cycle", "n = 4"], "Inside"),
    ("4.1", ["n = 2", "n = 1.5", "n = 4", "cycle"], "mean absolute"),
    ("4.2", reference_circuit("n_part_complex", 1.5), "least like"),
    ("4.2", reference_circuit("simple_activation"), "least like"),
    ("4.2", Circuit("n_part_complex", n=6), "plausible"),
    ("4.3", lambda x: np.minimum(x, SMALL.high), "ratio"),
    ("4.3", lambda x: x, "no well"),
    ("4.3", lambda x: x / 2 + 0.01, "without changing"),
    ("4.3", lambda x: x[:, 0] / 2, "shape"),
    ("4.4", {"more volume": ORACLE, "bigger domain": SCRATCH}, "oracle is given"),
    ("4.4", {"more volume": SCRATCH, "bigger domain": SCRATCH}, "scratch arm is given"),
    (
        "4.4",
        {
            "more volume": Wells(BIG, HowMany.DESIGN),
            "bigger domain": Wells(SMALL, HowMany.ORACLE),
        },
        "promise",
    ),
    ("4.5", 0.5, "not even"),
    ("4.5", 2, "down to 0"),
    ("5.1", lambda a, b, c, d: "supported" if c <= (a + b) / 2 <= d else "contradicted", "Look again"),
    ("5.1", lambda a, b, c, d: "supported" if c <= a and b <= d else "contradicted", "Look again"),
    ("5.1", lambda a, b, c, d: "yes", "three words"),
    ("5.2", 3, "undecided"),
    ("5.2", 5, "three words"),
    ("5.3", {f"{i}": "step-matched scratch" for i in range(4)}, "keeps"),
    ("5.4", 3, "outside alone"),
    ("5.4", 2.4, "same area"),
    ("5.4", 2.62, "area"),
    ("5.5", 0.599, "none"),
    ("5.5", 40.1, "per cent"),
    ("5.5", 0.5, "add up"),
    ("5.5", 0.315, "exactly one"),
    ("5.6", "It is true.", "words"),
    ("5.6", "word " * 50, "number"),
    ("5.6", "The ratio is 3 and I believe in it. " * 8, "interval"),
    ("5.6", "The difference is 3.1, interval 2.6 to 3.7, and verified; I do not doubt it. " * 3, "held equal"),
    (
        "5.6",
        "The difference is 3.1, interval 2.6 to 3.7, over the same seeds; I do not doubt it. " * 3,
        "change your mind",
    ),
    ("5.6", "The same seeds gave 3.1 with an interval of 2.6 to 3.7, unless a control says no. " * 12, "150 at most"),
    ("6.1", drawn_apart, "seed by seed"),
    ("6.1", lambda a, b: np.quantile(a / b, [0.025, 0.975]), "spread"),
    ("6.1", lambda a, b: np.exp(around(np.log(b / a))), "on its head"),
    ("6.1", lambda a, b: around(a / b), "logarithms"),
    ("6.1", lambda a, b: around(np.log(a / b)), "positive"),
    ("6.1", lambda a, b: around(a - b), "positive"),
    ("6.1", lambda a, b: np.exp(around(np.log(a / b), 1.0)), "too narrow"),
    ("6.1", lambda a, b: np.exp(around(np.log(a / b), 3.4)), "too wide"),
    ("6.1", lambda a, b: np.exp(around(np.log(a / b)))[::-1], "above"),
    ("6.1", lambda a, b: (a / b).mean(), "two numbers"),
    ("6.2", 6, "truth"),
    ("6.2", 5, "leaves these seeds out"),
    ("6.2", 3.644, "median"),
    ("6.2", 1.331, "logarithm"),
    ("6.2", 0.642, "share"),
    ("6.2", 4.4, "keep those"),
    ("6.3", quantile_band(0.025), "at all eight"),
    ("6.3", quantile_band(0.025 / 8), "too wide"),
    ("6.3", one_width, "same share"),
    ("6.3", lambda draws: np.quantile(draws, [0, 0.95], axis=0), "same share"),
    ("6.3", lambda draws: np.quantile(draws, [0.025, 0.975]), "Eight volumes"),
    ("6.3", lambda draws: draws.mean(), "Two arrays"),
    ("6.4", seeds(1.96), "half"),
    ("6.4", seeds(1.96 + 0.84 / 2), "80 %"),
    ("6.4", seeds(sd_power=1), "decided"),
    ("6.4", seeds(in_logs=False), "decided"),
    ("6.4", seeds(2.8 * 2**0.5), "two arms"),
    ("6.4", lambda ratio, limit, sd: 0, "0 seeds"),
    ("7.1", lambda errors: half(errors, ALL, ALL), "all rows together"),
    ("7.1", lambda errors: half(errors, ODD, EVEN), "odd rows name it"),
    ("7.1", lambda errors: half(errors, EVEN, EVEN), "praise it"),
    ("7.1", lambda errors: half(errors, EVEN, ALL), "half of its luck"),
    ("7.1", lambda errors: (half(errors, EVEN, ODD)[0] - 1, 0.9), "too far left"),
    ("7.1", lambda errors: (half(errors, EVEN, ODD)[0], 1 / half(errors, EVEN, ODD)[1]), "on its head"),
    ("7.1", lambda errors: half(errors, EVEN, ODD)[0], "Two values"),
    ("7.1", lambda errors: (0, 1.0), "does not take part"),
    ("7.2", ["n = 1", "transfer", "scratch", "without the switch", "library"], "Smallest"),
    ("7.2", ["library", "without the switch", "transfer", "scratch", "n = 1"], "good start"),
    ("7.2", ["library", "transfer", "scratch", "without the switch", "n = 1"], "steep"),
    ("7.2", ["library", "scratch", "transfer", "without the switch", "n = 1"], "steep"),
    ("7.2", ["transfer", "library", "scratch", "without the switch", "n = 1"], "mean error outside"),
    ("7.3", chi_squared(tail=chi2.cdf), "smaller"),
    ("7.3", chi_squared(lambda residuals, p: residuals.size), "degree of freedom"),
    ("7.3", chi_squared(lambda residuals, p: len(residuals) - p), "two outputs"),
    ("7.3", chi_squared(power=0), "units of the noise"),
    ("7.3", chi_squared(power=1), "nM²"),
    ("7.3", lambda residuals, p, noise: (residuals**2).sum(), "no probability"),
    ("7.3", lambda residuals, p, noise: 0.5, "add up"),
    ("7.4", [(20.0, 0.0)] * 3 + [(0.0, 20.0)] * 3, "differ most"),
    ("7.4", [(5.0, 20.0), (20.0, 5.0)] * 3, "differ most"),
    ("7.4", [(5.0, 5.0)] * 6, "inside"),
    ("7.4", [(25.0, 25.0)] * 6, "outside 0–20"),
    ("7.4", [(20.0, 20.0)] * 5, "six wells"),
    ("8.1", lambda wells, synthetic, before, after, batch: before + after, "cut into many"),
    (
        "8.1",
        lambda wells, synthetic, before, after, batch: (before * synthetic + after * wells) / wells,
        "smaller than a batch",
    ),
    ("8.1", lambda wells, synthetic, before, after, batch: before * -(-synthetic // batch), "Fine-tuning"),
    (
        "8.1",
        lambda wells, synthetic, before, after, batch: before * (synthetic // batch) + after,
        "may not be full",
    ),
    ("8.1", steps_of, "these are steps"),
    ("8.1", lambda wells, synthetic, before, after, batch: 1000, "batches of"),
    ("8.2", THAN_SCRATCH | {"swapped": "better"}, "another circuit"),
    ("8.2", THAN_SCRATCH | {"shuffled": "better"}, "dealt out"),
    ("8.2", THAN_SCRATCH | {"step-matched": "better"}, "many steps"),
    ("8.2", THAN_SCRATCH | {"swapped": "better", "shuffled": "better"}, "warm start"),
    ("8.2", dict.fromkeys(THAN_SCRATCH, "better"), "One of them"),
    ("8.2", THAN_SCRATCH | {"transfer": "worse"}, "seen nothing"),
    ("8.3", 1.0, "still helps"),
    ("8.3", 1.05, "still helps"),
    ("8.3", 1.3, "already hurts"),
    ("8.3", 1.5, "already hurts"),
    ("8.3", 0.5, "from 1"),
    ("8.4", lambda networks, plates: networks, "worse in both"),
    ("8.4", replay, "worse in both"),
    ("8.4", fine_tuned(frozen=(0, 1, 2)), "worse in both"),
    ("8.4", fine_tuned(learning_rate=1e-4), "worse in both"),
    ("8.4", fine_tuned(epochs=400), "at most 0.60"),
    ("8.4", fine_tuned(epochs=400, pull=0.01), "at most 0.60"),
    ("8.4", lambda networks, plates: fit_many("family", plates), "five trained networks"),
    ("9.1", {"inside": NAMES, "outside": NAMES[:2]}, "each once"),
    ("9.1", {"inside": NAMES[1:] + NAMES[:1], "outside": NAMES[1:] + NAMES[:1]}, "batches"),
    ("9.1", {"inside": NAMES}, "keys"),
    ("9.1", NAMES, "dictionary"),
    ("9.2", 0.0, "should do harm"),
    ("9.2", 1.0, "too wrong"),
    ("9.2", -1.0, "too wrong"),
    ("9.2", 4, "decades"),
    ("9.3", sweep_file(chapter="04_experiment_2"), "learning curves"),
    ("9.3", sweep_file(grid={"loss": ["l1", "l2"]}), "nothing else"),
    ("9.3", sweep_file(drop=["batch_size"]), "meets every value"),
    ("9.3", sweep_file(grid={"batch_size": [256]}), "two values"),
    ("9.3", sweep_file(grid={"batch_size": [32, 64]}), "compare with"),
    ("9.3", sweep_file(grid={"batch_size": [0, 256]}), "refuses"),
    ("9.3", sweep_file(fixed={"volume": [96]}), "refuses"),
    ("9.3", sweep_file(fixed={"hill_coefficient": 4}), "Something else differs"),
    ("9.3", sweep_file(fixed={"profile": "lecture"}), "Something else differs"),
    ("9.3", sweep_file(fixed={"n_seeds": 5}), "luck"),
    ("9.3", sweep_file(fixed={"volumes": [100, 200, 500]}), "96 wells"),
    ("9.3", sweep_file(fixed={"volumes": [10, 48, 96]}), "go on"),
    ("9.3", sweep_file(drop=["volumes"], fixed={"n_seeds": 50}), "1000 is the most"),
    ("9.3", "chapter: [", "not YAML"),
    ("9.3", "a sweep", "three parts"),
    ("9.3", {"chapter": "03_experiment_1"}, "text"),
    ("10.1", {"alone", "one core", "in two halves"}, "remembers"),
    ("10.1", {"alone", "one core", "wells turned round"}, "places"),
    ("10.1", {"alone"}, "not all"),
    ("10.1", "one core", "not all"),
    ("10.1", {"together"}, "these names"),
    ("10.1", 3, "these names"),
    ("10.2", lambda sizes, networks, pairs: networks, "cost nothing"),
    ("10.2", lambda *work: 1 / gain(lambda w, b: 4 * w.sum() + 2 * w[1:].sum() + 2 * b.sum())(*work), "on top"),
    ("10.2", gain(lambda w, b: 2 * w.sum() + b.sum()), "way forward alone"),
    ("10.2", gain(lambda w, b: 6 * w.sum() + 2 * b.sum()), "first layer"),
    ("10.2", gain(lambda w, b: 4 * w.sum() + 2 * b.sum()), "from the layer after"),
    ("10.2", gain(lambda w, b: 4 * w.sum() + 2 * w[1:].sum()), "biases"),
    ("10.2", gain(lambda w, b: 4 * w.sum() + 2 * w[1:].sum() + b.sum()), "added on the way forward"),
    ("10.2", gain(lambda w, b: 2 * w.sum() + w[1:].sum() + 2 * b.sum()), "two operations, not one"),
    ("10.2", gain(lambda w, b: 9 * w.sum()), "by hand"),
    ("10.2", lambda *work: ..., "blank"),
    ("10.3", slopes(lambda up, here, down, h: (up - here) / h), "both sides"),
    ("10.3", slopes(lambda up, here, down, h: (up - down) / h), "Twice"),
    ("10.3", slopes(lambda up, here, down, h: (up - here) / (2 * h)), "Half"),
    ("10.3", slopes(lambda up, here, down, h: (down - up) / (2 * h)), "sign"),
    ("10.3", slopes(lambda up, here, down, h: (up - down) / (2 * h), 0.1), "bend"),
    ("10.3", slopes(lambda up, here, down, h: (up - down) / (2 * h), 1e-12), "rounding"),
    (
        "10.3",
        lambda loss, w: np.full(len(w), (loss(w + 1e-5) - loss(w - 1e-5)) / 2e-5),
        "one at a time",
    ),
    ("10.3", lambda loss, w: np.full(len(w), np.nan), "no numbers"),
    ("10.3", lambda loss, w: (loss(w + 1e-5) - loss(w - 1e-5)) / 2e-5, "shape"),
    ("10.4", adam(sign=1), "climbs"),
    ("10.4", adam(correct=(0, 0)), "far too small"),
    ("10.4", adam(correct=(0, 1)), "m is not"),
    ("10.4", adam(correct=(1, 0)), "v is not"),
    ("10.4", adam(root=False), "root"),
    ("10.4", adam(power=1), "squared"),
    ("10.4", adam(inside=1e-8), "not under it"),
    ("10.4", lambda w, g, m, v, t, rate: w - rate * g, "Three things"),
    ("10.4", lambda w, g, m, v, t, rate: (w - rate * g, m, v), "first step by hand"),
    ("10.4", lambda w, g, m, v, t, rate: adam()(w, g, m, v, t, 1e-2), "any learning rate"),
    ("11.1", (7, 7.5), "whole numbers"),
    ("11.1", (25, 3), "0 to 20"),
    ("11.1", 7, "Two numbers"),
    ("11.2", ahead(top=-1.0), "on their heads"),
    ("11.2", ahead(end=lambda path: min(error for _, error in path)), "not its best"),
    ("11.2", ahead(end=lambda path: path[0][1]), "Look at start and end"),
    ("11.2", ahead(never=2000), "not the answer"),
    ("11.2", ahead(never=None), "np.inf"),
    ("11.2", ahead(pick=max), "first"),
    ("11.2", ahead(goal=lambda path: path[0][1]), "ends"),
    ("11.2", ahead(goal=lambda path: min(error for _, error in path)), "its smallest"),
    ("11.2", ahead(goal=lambda path: path[-1][1] - 1e-9), "as large"),
    ("11.2", lambda transfer, scratch: 3.0, "Three numbers"),
    ("11.3", np.full((8, 2), 5.0), "the same thing twice"),
    ("11.3", REGULAR, "regular plate"),
    ("11.3", REGULAR * 2, "outside 0–10"),
    ("11.3", REGULAR[:6], "8 wells"),
    ("11.3", "everywhere", "8 wells"),
    ("12.1", 3.0, "Two arrays"),
    ("12.1", (GRID, GRID[:5]), "shape"),
    ("12.1", (GRID - 20, GRID), "no input is negative"),
    ("12.1", (PLATE.x, 10 * PLATE.y), "still what it was"),
    ("12.1", (10 * PLATE.x, PLATE.y + 5), "differ by up to"),
    ("12.1", (10 * PLATE.x, PLATE.y * [2.0, 6.0]), "a unit of its own"),
    ("12.1", (PLATE.x[::-1], PLATE.y[::-1]), "another order"),
    ("12.1", (PLATE.x[:, ::-1], 2 * PLATE.y[:, ::-1]), "another order"),
    ("12.2", 3, "set of pairs"),
    ("12.2", {("simple_activation", "glow")}, "no circuit 'glow'"),
    ("12.2", {("simple_activation", "n_part_complex")}, "pairs are missing and 0 are too many"),
    ("12.2", {("mixed_complex", "n_part_complex")}, "and 1 are too many"),
    ("12.3", GRID, "still hold"),
    ("12.3", LOW_CORNER, "still hold"),  # with some noises it holds a twentieth
    ("12.3", 2 * GRID, "outside"),
    ("12.3", np.repeat(GRID[:12], 2, axis=0), "twice"),
    ("12.3", GRID[:20], "shape (24, 2)"),
    ("13.1", (2.0, 3.0), "of what the best one would"),
    ("13.1", (15.0, 0.0), "outside"),
    ("13.1", 3.0, "shape"),
    ("13.2", GRID, "at least 5 times"),
    ("13.2", np.stack([RISING, 10 - RISING], axis=1), "at least 5 times"),
    ("13.2", np.repeat(GRID[:12], 2, axis=0), "twice"),
    ("13.2", GRID / 4, "8 nM"),
    ("13.2", GRID * 2, "outside"),
    ("13.3", GRID, "at most 0.82"),
    ("13.3", np.stack([np.linspace(0, 10, 24)] * 2, axis=1), "does worst on"),
    ("13.3", GRID[:20], "shape (24, 2)"),
    ("15.1", 0.0, "noise of their own"),
    ("15.1", 2.0, "single well"),
    ("15.1", 0.5, "each one's mean"),
    ("15.1", "small", "single number"),
    ("15.1", np.nan, "this is nan"),
    ("15.1", np.inf, "this is inf"),
    ("15.1", 10**400, "this is int"),
    ("15.1", True, "this is bool"),
    ("15.1", np.array(True), "single number"),
    ("15.1", b"1", "this is bytes"),
    ("15.1", bytearray(b"1"), "this is bytearray"),
    ("15.1", np.ma.masked, "this is MaskedConstant"),
    ("15.2", 3, "function"),
    ("15.2", lambda conditions, share, rng: rng.random(len(conditions)) < share, "belong together"),
    ("15.2", lambda conditions, share, rng: [0], "for each well"),
    ("15.2", holding_out(least=0), "at least one"),
    ("15.2", holding_out(spare=0), "nothing is left"),
    ("15.2", holding_out(fixed=2), "are held out"),
    ("15.2", holding_out(draw=lambda names, rng: names), "draw them with it"),
    ("15.3", (1.0, 0.1), "function"),
    ("15.3", both_noises(taken=lambda a2, p2: (a2, p2)), "decides"),
    ("15.3", both_noises(power=1), "decides"),
    ("15.3", lambda y, conditions: (-1.0, 0.1), "negative"),
    ("15.3", lambda y, conditions: (np.nan, 0.1), "this is nan"),
    ("11.2", ahead(never=-np.inf), "this is -inf"),
    ("15.3", lambda y, conditions: (np.std(y), 0.0), "decides"),
    ("15.3", lambda y, conditions: 0.1, "additive and the proportional"),
]


def test_there_are_wrong_answers_for_every_exercise():
    assert {exercise for exercise, *_ in WRONG} | {"1.5"} == set(checking.exercises())
    assert len(WRONG) >= 50


@pytest.mark.parametrize(("exercise", "answer", "hint"), WRONG, ids=[f"{e}-{i}" for i, (e, *_) in enumerate(WRONG)])
def test_a_wrong_answer_fails_with_a_hint(exercise, answer, hint):
    verdict = check(exercise, answer)
    assert not verdict.right
    assert hint.lower() in verdict.words.lower()
    with pytest.raises(AssertionError, match=re.escape(verdict.words[:20])):
        verdict.require()


# exercise, another right answer than the solution's
ALSO_RIGHT = [
    ("15.1", 1.02),
    ("15.1", 1),
    ("15.1", np.array(1.0)),
    ("15.2", holding_out()),
    ("15.3", most_likely_noises),
    ("1.6", (0.8, 0.95)),
    ("3.3", lambda v: around(v, 2.05)),
    ("12.1", (PLATE.x * [2.0, 5.0], 3 * PLATE.y)),
    ("13.2", np.stack([RISING, 0.3 + 0.9 * RISING], axis=1)),
    ("6.1", lambda a, b: np.exp(around(np.log(a / b), 2.05))),
    ("6.1", lambda a, b: np.exp(np.quantile(iqm(np.log(a / b)[resampled_seeds(len(a), 500)]), [0.025, 0.975]))),
    ("6.4", seeds()),
    ("7.1", lambda errors: half(errors, EVEN, ODD)),
    ("7.3", chi_squared()),
    ("7.4", [(20.0, 20.0)] * 3 + [(19.0, 19.0)] * 3),
    ("8.1", lambda *plan: -(-steps_of(*plan) // -(-plan[0] // plan[-1]))),
    ("8.3", 1.13),
    ("8.3", 1.17),
    ("4.3", lambda x: x * (10 / x.max(axis=1, keepdims=True))),
    ("4.3", lambda x: 10 * x / x.max(axis=1, keepdims=True)),
    ("8.4", lambda networks, plates: fine_tuned(epochs=300)(networks, on_the_fit(plates))),
    ("9.2", 0.55),
    ("9.2", -0.6),
    ("9.3", sweep_file()),
    ("10.2", gain(lambda w, b: 4 * w.sum() + 2 * w[1:].sum() + 2 * b.sum())),
    ("10.3", slopes(lambda up, here, down, h: (up - down) / (2 * h), 3e-6)),
    ("10.4", adam()),
    ("11.2", ahead()),
]


def on_the_fit(plates):
    """What the fitted family says where the simulation's pairs are."""
    x = synthetic_pairs(SIMPLE_MODEL, 400, 0).x
    return [Pairs(x, fit.predict(x)) for fit in fit_many("family", plates)]


@pytest.mark.parametrize(("exercise", "answer"), ALSO_RIGHT, ids=[f"{e}-{i}" for i, (e, _) in enumerate(ALSO_RIGHT)])
def test_another_right_answer_passes(exercise, answer):
    verdict = check(exercise, answer)
    assert verdict.right, verdict


def test_near_misses_of_two_numbers_are_told_apart(solved):
    inside, outside = (solved["01_biology"][name] for name in ("error_inside", "error_outside"))
    assert "swapped" in check("1.5", [outside, inside]).words
    assert "number 1 is right" in check("1.5", [inside, 9.0]).words
    assert "2 values" in check("1.5", inside).words
    assert check("1.5", np.array([inside * 1.005, outside * 0.995])).right


def test_near_misses_of_counted_races_are_told_apart(solved):
    both, pace = solved["11_train_it_yourself"]["races_won"]
    assert check("11.1", [both, pace]).right
    assert "wrong order" in check("11.1", (pace, both)).words
    assert "from scratch wins" in check("11.1", (20 - both, 20 - pace)).words
    assert "epoch 200 of one" in check("11.1", (both, pace + 1)).words
    assert "the smaller error wins" in check("11.1", (both - 1, pace)).words


def test_near_misses_of_rankings_are_told_apart(solved):
    right = solved["09_sweeps"]["rankings"]
    inside, outside = right["inside"], right["outside"]
    assert check("9.1", {region: tuple(names) for region, names in right.items()}).right
    assert "Smallest change first" in check("9.1", {"inside": inside[::-1], "outside": outside[::-1]}).words
    if inside != outside:
        assert "swapped" in check("9.1", {"inside": outside, "outside": inside}).words


def test_numbers_pass_within_the_tolerance_and_not_beyond():
    k = solved_value = 250 * 5**0.5 / 50
    for factor in (0.99, 1.0, 1.01):
        assert check("3.1", k * factor).right
    for factor in (0.96, 1.04):
        assert not check("3.1", solved_value * factor).right


def test_a_number_that_is_right_to_a_per_cent_is_right_and_a_count_is_exact(solved):
    page = (ROOT / "book" / "students.md").read_text("utf-8")
    assert "a number that is right to about one per cent is right; a count has to be exact" in page
    for exercise, entry in checking.sealed().items():
        if not entry["numbers"]:
            continue
        answer = np.array(checking._listed(answer_of(solved, exercise)), float)
        if entry["tolerance"] == 0:
            assert (answer == answer.round()).all(), exercise
            assert not check(exercise, list(answer + 1)).right
        else:
            assert check(exercise, list(answer * 1.009)).right, exercise
            assert check(exercise, list(answer / 1.009)).right, exercise
            assert not check(exercise, list(answer * 1.05)).right, exercise


def test_an_unknown_exercise_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"there is no exercise '3\.11'; did you mean 3\.1\?"):
        check("3.11", 1)


def test_the_words_of_a_verdict_never_hold_the_answer(solved):
    for exercise, answer, _ in WRONG:
        words = check(exercise, answer).words
        for value in numbers_of(solved, exercise):
            assert not re.search(rf"(?<![\d.]){re.escape(value)}", words), (exercise, words)


def answer_of(solved, exercise):
    """What the solution gives to `check`."""
    return next(each["answered"][exercise] for each in solved.values() if exercise in each["answered"])


def numbers_of(solved, exercise):
    """A sealed number as somebody would write it, with three digits or all of them; none if it is one of 0 to 9."""
    found = []
    if exercise not in checking.sealed():
        return found
    for value in checking._listed(answer_of(solved, exercise)):
        if isinstance(value, str) or (value == int(value) and abs(value) < 10):
            continue
        found += [f"{value:.4g}", f"{value:.3g}"] if isinstance(value, float) else [str(value)]
    return found


def student_text(exercise):
    """What stands in a student's notebook from the heading of an exercise to the next."""
    path = next(path for name, path in SOURCES.items() if int(name.split("_")[0]) == int(exercise.split(".")[0]))
    text = "\n".join(cell.source for cell in student(read(path)).cells)
    return text.split(f"## {exercise} ")[1].split("\n## ")[0]


@pytest.mark.parametrize("exercise", checking.sealed())
def test_no_number_that_is_sealed_stands_where_a_student_reads(solved, exercise):
    """Neither the number nor its logarithm nor its reciprocal, in the package or beside the exercise."""
    package = Path(checking.__file__).parent
    text = "\n".join(path.read_text("utf-8") for path in package.rglob("*.*") if path.suffix in (".py", ".json"))
    text = re.sub(r'@checks\("[\d.]+"\)', "", text)  # the numbers of exercises
    for value in numbers_of(solved, exercise):
        for form in {value, f"{float(value):.6g}", f"{np.log(float(value)):.4g}", f"{1 / float(value):.4g}"}:
            assert not re.search(rf"(?<![\w.]){re.escape(form)}(?![\w])", text + student_text(exercise)), form


def given_away(text, answer):
    """Sentences that say more than which words there are to choose from.

    They name the members of a set and no others, put a ranking in its order, or name a question with its answer alone.
    """
    found = []
    for sentence in re.split(r"(?<=[.?!:;])\s|\n", text):

        def places(word, sentence=sentence):
            return [match.start() for match in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", sentence)]

        if isinstance(answer, (set, frozenset)):
            named = {word for word in "ABCDEFGH" if places(word)}
            gives = named == set(answer)
        elif isinstance(answer, dict):
            named = {value for value in answer.values() if places(value)}
            gives = any(places(key) and named == {value} for key, value in answer.items())
        else:
            first = [places(word) for word in dict.fromkeys(answer)]
            gives = all(first) and [at[0] for at in first] == sorted(at[0] for at in first)
        if gives:
            found.append(sentence)
    return found


WORDS = [exercise for exercise, entry in checking.sealed().items() if not entry["numbers"]]


@pytest.mark.parametrize("exercise", WORDS)
def test_words_that_are_sealed_are_only_among_those_to_choose_from(solved, exercise):
    entry = checking.sealed()[exercise]
    hints = [entry["hint"], *(mistake["hint"] for mistake in entry["mistakes"])]
    answer = answer_of(solved, exercise)
    assert given_away("\n".join([student_text(exercise), *hints]), answer) == []
    if isinstance(answer, dict):
        assert list(dict.fromkeys(answer.values())) != [
            word for _, word in sorted((student_text(exercise).find(word), word) for word in set(answer.values()))
        ], "the controls are listed in the order of the objections that they answer"


def test_a_sentence_that_gives_words_away_is_noticed():
    assert given_away("Of A, B, C and D only B and D cannot be.", {"B", "D"}) == []
    assert given_away("Think of A.\nB and D cannot be.", {"B", "D"})
    assert given_away("Choose from 'near', 'far' and 'middle'.", ["near", "middle", "far"]) == []
    assert given_away("It is 'near', then 'middle', then 'far'.", ["near", "middle", "far"])
    assert given_away("Time? Use the clock.\nFor time the clock.", {"time": "clock", "place": "map"})
    assert given_away("For time or place: clock or map.", {"time": "clock", "place": "map"}) == []


def test_nothing_but_hashes_and_hints_is_stored():
    """So a word can be found by trying words only, each at the cost of one scrypt."""
    for entry in json.loads(checking.SEALED_FILE.read_text("utf-8")).values():
        assert set(entry) == {"numbers", "tolerance", "salt", "digests", "hint", "mistakes"}
        assert all(set(mistake) == {"digests", "hint"} for mistake in entry["mistakes"])


def test_a_seal_is_slow_and_salted():
    entries = checking.sealed()
    assert len({entry["salt"] for entry in entries.values()}) == len(entries)
    assert all(len(digest) == 32 for entry in entries.values() for digest in entry["digests"])


def test_a_seal_that_does_not_fit_is_noticed(monkeypatch):
    monkeypatch.delenv(sealing.WRITE_TO, raising=False)
    with pytest.raises(sealing.BrokenSeal, match=r"seal of exercise 2\.1"):
        sealing.seal("2.1", 7, hint="no")


def test_the_checks_do_not_wait_for_torch():
    """A student's first cell, and every graded kernel, imports them; torch takes seconds and is for some checks only."""
    code = "import sys; from fewerwells.course import check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
