"""Chapter 10: the same weights or not, the arithmetic of a step, slopes by small steps, Adam by hand."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from fewerwells.course.properties import NotYet, checks, function
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Pairs, real_pairs
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.training import Schedule, train

TARGET = reference_circuit("n_part_complex", 2.0)
SEEDS = list(range(6))
CHANGES = ("alone", "one core", "wells turned round", "in two halves", "reference engine")
DECIDING, SPEED = 1e-3, 1e10  # seconds a step, operations a second


@cache
def _leave_every_bit() -> set[str]:
    """The changes after which the network of seed 3 has exactly the same weights, on this machine."""
    fresh = initialise(STUDY_SIZES, SEEDS, output_scale=TARGET.largest_output)
    wells = [real_pairs(TARGET, 96, seed) for seed in SEEDS]
    turned = [Pairs(pairs.x[::-1], pairs.y[::-1]) for pairs in wells]

    def weights(start=fresh, data=wells, keys=SEEDS, epochs=20, engine="fused", threads=None):
        return train(start, data, Schedule(epochs, batch_size=32), keys=keys, engine=engine, threads=threads).ensemble

    after = {
        "alone": weights(fresh[[3]], [wells[3]], [3])[[0]],
        "one core": weights(threads=1)[[3]],
        "wells turned round": weights(data=turned)[[3]],
        "in two halves": weights(weights(epochs=10), epochs=10)[[3]],
        "reference engine": weights(engine="reference", threads=1)[[3]],
    }
    before = weights()[[3]].parameters
    return {name for name, network in after.items() if np.array_equal(network.parameters, before)}


@checks("10.1")
def the_same_weights(answer) -> None:
    try:
        said = {answer} if isinstance(answer, str) else set(answer)
    except TypeError:
        said = {answer}
    if not said <= set(CHANGES):
        raise NotYet(f"Choose among these names: {', '.join(CHANGES)}.")
    truth = _leave_every_bit()
    hints = {
        "reference engine": "Both engines do the same sums, but in another order. Look at the last digits.",
        "in two halves": "Adam remembers earlier gradients. What does it remember when the second half begins?",
        "wells turned round": "The batch order says which *places* of the list make a batch. What lies there now?",
    }
    for name in CHANGES:
        if name in said - truth and name in hints:
            raise NotYet(hints[name])
    if said < truth:
        raise NotYet("What you name is right, but it is not all. Does a network know who trains beside it, and where?")
    if said != truth:
        raise NotYet("Train both ways and compare with np.array_equal, which forgives no digit.")


def _operations(sizes, forward=2, gradient=2, signal=2, bias=2, first=1) -> int:
    """Operations of a sample-step; `first` is the first layer that hands an error on."""
    weights = [n_in * n_out for n_in, n_out in pairwise(sizes)]
    return (forward + gradient) * sum(weights) + signal * sum(weights[first:]) + bias * sum(sizes[1:])


def _gain(operations: int, networks: int, pairs: int) -> float:
    """How many times sooner networks finish a step together than one after another."""
    arithmetic = pairs * operations / SPEED
    return networks * (DECIDING + arithmetic) / (DECIDING + networks * arithmetic)


# sizes, networks, pairs of each in a step
WORK = [(STUDY_SIZES, 30, 250), (STUDY_SIZES, 50, 10), ((3, 7, 4), 8, 5000), ((5, 20, 20, 1), 100, 96)]


@checks("10.2")
def together(answer) -> None:
    gain = function(answer)
    said = [gain(sizes, networks, pairs) for sizes, networks, pairs in WORK]
    if any(value is None or value is ... for value in said):
        raise NotYet("The function is still blank: let it return one number.")

    def near(wrong) -> bool:
        return np.allclose(said, [wrong(*work) for work in WORK], rtol=1e-4)

    def counted(**changes):
        return near(lambda sizes, networks, pairs: _gain(_operations(sizes, **changes), networks, pairs))

    if counted():
        return
    if near(lambda sizes, networks, pairs: networks):
        raise NotYet("As many times as there are networks would be right if arithmetic cost nothing.")
    if near(lambda sizes, networks, pairs: 1 / _gain(_operations(sizes), networks, pairs)):
        raise NotYet("This is below 1: which of the two times goes on top?")
    if counted(gradient=0, signal=0, bias=1):
        raise NotYet("That is the way forward alone; the way back costs more than twice as much.")
    if counted(first=0):
        raise NotYet("The first layer need not hand its error on: before it there are only concentrations.")
    if counted(signal=0):
        raise NotYet(
            "A hidden layer gets its error from the layer after it; that costs two operations a weight as well."
        )
    if counted(bias=0):
        raise NotYet("The weights are right. Biases cost something, too: once forward, once back.")
    if counted(bias=1):
        raise NotYet("The weights are right. A bias is added on the way forward and has a gradient on the way back.")
    if counted(forward=1, gradient=1, signal=1):
        raise NotYet("A multiplication and an addition are two operations, not one.")
    if near(lambda sizes, networks, pairs: _gain(_operations(sizes), networks, pairs / networks)):
        raise NotYet("Each network has that many pairs of its own; together there are more.")
    raise NotYet(
        "Check your count by hand on a network of sizes (1, 1): 2 + 1 operations forward, 2 + 1 back, none to hand on. Then "
        "add the deciding: once for each network, or once for all."
    )


def _slopes() -> list:
    """Pairs (function of weights, its gradient, weights) whose gradient is known from a formula."""
    rng = np.random.default_rng(10)
    a, b, x, y = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(20, 4)), rng.normal(size=20)

    def squares(w):
        return float(((x @ w - y) ** 2).mean())

    return [
        (lambda w: float(a @ np.sin(b * w)), lambda w: a * b * np.cos(b * w), rng.normal(size=4)),
        (squares, lambda w: 2 * (x @ w - y) @ x / len(y), rng.normal(size=4)),
        (lambda w: float(a @ w**3), lambda w: 3 * a * w**2, 10 * rng.normal(size=4)),
    ]


@checks("10.3")
def slopes_by_small_steps(answer) -> None:
    gradient = function(answer)
    worst = 0.0
    for loss, formula, weights in _slopes():
        given = weights.copy()
        said = gradient(loss, given)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return one slope for each weight.")
        if not np.array_equal(given, weights):
            raise NotYet("The weights came back changed: move a copy, or move each weight back.")
        said, truth = np.asarray(said, float), formula(weights)
        if said.shape != truth.shape:
            raise NotYet(f"{truth.size} weights went in; slopes of shape {said.shape} came back.")
        if not np.isfinite(said).all():
            raise NotYet(f"{np.count_nonzero(~np.isfinite(said))} of {truth.size} slopes are no numbers.")
        hints = {
            "Twice too large: from one side to the other it is 2h.": 2 * truth,
            "Half of what it should be: by how much did the weight move between the two losses?": truth / 2,
            "The sign is wrong: the loss *after* the step comes first.": -truth,
            "All weights moved together; move one at a time.": np.full_like(truth, truth.sum()),
        }
        for hint, wrong in hints.items():
            if np.allclose(said, wrong, rtol=1e-3, atol=1e-3):
                raise NotYet(hint)
        worst = max(worst, float(np.abs(said - truth).max() / np.abs(truth).max()))
    if not worst < 1e-6:
        raise NotYet(
            f"The worst slope is wrong by {worst:.0e} of the largest; six digits are asked for. A large step sees the curve "
            "bend, a tiny one drowns in rounding: step to both sides, and try other sizes."
        )


def _adam(steps, correct_m=True, correct_v=True, inside=False, root=True, squared=True, sign=-1.0):
    """Where Adam, or a near miss of it, takes one weight from 1 by these gradients."""
    w, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(steps, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * (g * g if squared else abs(g))
        m_hat, v_hat = m / (1 - 0.9**t) if correct_m else m, v / (1 - 0.999**t) if correct_v else v
        below = (v_hat + 1e-8) ** 0.5 if inside else (v_hat**0.5 if root else v_hat) + 1e-8
        w += sign * 1e-2 * m_hat / below
    return w


# gradients of one weight, step after step; the small ones show where ε stands
GRADIENTS = ([0.5, -0.3, 0.8, 0.1], [2.0, 2.0, 2.0], [1e-4, 2e-4, -3e-4])


@checks("10.4")
def adam_by_hand(answer) -> None:
    step = function(answer)
    said = []
    for gradients in GRADIENTS:
        w, m, v = np.ones(1), np.zeros(1), np.zeros(1)
        for t, g in enumerate(gradients, start=1):
            moved = step(w, np.full(1, g), m, v, t, 1e-2)
            if moved is None or moved is ...:
                raise NotYet("The function is still blank: let it return the new weights, m and v.")
            try:
                w, m, v = moved
            except (TypeError, ValueError):
                raise NotYet("Three things are asked for: the new weights, m and v.") from None
        said.append(float(np.ravel(w)[0]))
    hints = {
        "Your step climbs; the loss should fall.": {"sign": 1.0},
        "At the first step m and v are far too small, since they began at 0: what are they divided by?": {
            "correct_m": False,
            "correct_v": False,
        },
        "v is corrected for its start at 0, m is not.": {"correct_m": False},
        "m is corrected for its start at 0, v is not.": {"correct_v": False},
        "v holds squares: divide by its root.": {"root": False},
        "v is the running mean of *squared* gradients.": {"squared": False},
        "ε is added to the root, not under it; it shows where gradients are small.": {"inside": True},
    }
    if not np.allclose(said, [_adam(g) for g in GRADIENTS], rtol=0, atol=1e-7):
        for hint, change in hints.items():
            if np.allclose(said, [_adam(g, **change) for g in GRADIENTS], rtol=0, atol=1e-7):
                raise NotYet(hint)
        raise NotYet(
            "Do the first step by hand, with a gradient of 2 and a rate of 0.01: after the corrections m is 2 and v is 4, so "
            "the weight moves by 0.01, whatever the size of the gradient."
        )
    by_hand, by_engine = _last_layer(step), _last_layer_of_the_engine()
    if not np.allclose(by_hand, by_engine, rtol=0, atol=1e-4):
        raise NotYet(
            "On one weight your step is right, but a layer trained with it is not the engine's. Does it work for weights of "
            "any shape, and for any learning rate?"
        )


EPOCHS, RATE = 50, 3e-3


@cache
def _start():
    """A fresh network of the study and one plate."""
    return initialise(STUDY_SIZES, [0], output_scale=TARGET.largest_output), real_pairs(TARGET, 96, 0)


@cache
def _last_layer_of_the_engine() -> np.ndarray:
    """Its weights (10, 2) above its biases (2) after the package's engine has trained the last layer alone: (11, 2)."""
    network, wells = _start()
    schedule = Schedule(EPOCHS, learning_rate=RATE, loss="l2", frozen=tuple(range(5)))
    weights, biases = train(network, [wells], schedule, keys=[0]).ensemble.layers()[-1]
    return np.vstack([weights[0].T, biases])


def _last_layer(step) -> np.ndarray:
    """The same layer trained by somebody's step on gradients written down by hand."""
    network, wells = _start()
    signal = network.scale_inputs(wells.x).astype(float)
    for weights, biases in network.layers()[:-1]:
        signal = np.maximum(signal @ weights[0].T + biases[0], 0)
    signal = np.column_stack([signal, np.ones(len(signal))])
    target = network.scale_outputs(wells.y)
    weights, biases = network.layers()[-1]
    w = np.vstack([weights[0].T, biases]).astype(float)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, EPOCHS + 1):
        gradient = 2 * signal.T @ (signal @ w - target) / target.size
        w, m, v = step(w, gradient, m, v, t, RATE)
    return np.asarray(w, float)
