"""Chapter 8: as many steps, the point at which holding on begins to hurt, a remedy that beats plain fine-tuning."""

from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np

from fewerwells.course.properties import NotYet, checks, function, number
from fewerwells.course.small_study import SEEDS, errors, pretrained_networks
from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import Pairs, outside_pairs, real_pairs
from fewerwells.science.networks import Ensemble
from fewerwells.science.training import Schedule, train
from fewerwells.study.protocol import SIMPLE_MODEL, Cell, Protocol

# wells, the protocol that transfer keeps to
PLANS = [
    (96, Protocol()),
    (300, Protocol(epochs=100, synthetic_volume=1000, batch_size=64)),
    (40, Protocol(epochs=500, pretraining_share=0.4, synthetic_volume=5000, batch_size=32)),
]


@checks("8.1")
def as_many_steps(answer) -> None:
    count = function(answer)
    for wells, protocol in PLANS:
        synthetic, batch = protocol.synthetic_volume, protocol.batch_size
        before, after = protocol.pretraining_epochs, protocol.epochs - protocol.pretraining_epochs
        said = count(wells, synthetic, before, after, batch)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return a number of epochs.")
        said, right = number(said), Cell("step-matched scratch", SIMPLE_MODEL, wells).learner(protocol).epochs
        if said == right:
            continue
        an_epoch = ceil(wells / batch)
        steps = before * ceil(synthetic / batch) + after * an_epoch
        mistakes = {
            "As many epochs are not as many steps: an epoch over many pairs is cut into many batches.": before + after,
            "You made the *pairs* equal that are seen. Asked is for steps, and a plate smaller than a batch is one.": (
                before * synthetic + after * wells
            )
            / wells,
            "Fine-tuning makes steps, too.": before * ceil(synthetic / batch) / an_epoch,
            "The last batch of an epoch may not be full; it is a step all the same.": (
                before * (synthetic // batch) + after * max(wells // batch, 1)
            )
            / max(wells // batch, 1),
            "These are steps; asked is for the epochs over the wells that hold as many.": steps,
        }
        for hint, wrong in mistakes.items():
            if abs(said - wrong) <= 1:
                raise NotYet(hint)
        raise NotYet(
            f"For {wells} wells, {synthetic} synthetic pairs and batches of {batch} this is not as many. Count the batches of "
            "an epoch in each phase, and let scratch make at least as many steps in all."
        )


def _fine_tuned(data: list[Pairs]) -> Ensemble:
    """The pre-trained networks after plain fine-tuning."""
    return train(pretrained_networks(), data, Schedule(100), keys=SEEDS).ensemble


def _replay_over_plain(n: float, wells: int = 24) -> float:
    """Error outside with replay over that without, on a real system with this Hill coefficient."""
    target = reference_circuit("n_part_complex", n)
    real = [real_pairs(target, wells, seed) for seed in SEEDS]
    synthetic = [outside_pairs(SIMPLE_MODEL, wells, seed) for seed in SEEDS]
    both = [Pairs(np.concatenate([r.x, s.x]), np.concatenate([r.y, s.y])) for r, s in zip(real, synthetic, strict=True)]
    replay, plain = (errors(_fine_tuned(data), target)[1].mean() for data in (both, real))
    return float(replay / plain)


@checks("8.3")
def where_holding_on_hurts(answer) -> None:
    n = number(answer)
    if not 1 <= n <= 4:
        raise NotYet("Stay with a Hill coefficient from 1, where the simulation is right, to 4.")
    ratio = _replay_over_plain(n)
    if not 0.8 <= ratio <= 1.25:
        says = "still helps" if ratio < 1 else "already hurts"
        raise NotYet(
            f"At n = {n:g} the error outside with replay is {ratio:.2f} times that without: replay {says}. Asked is where it "
            "makes no difference, to within a quarter."
        )


# A system that no exercise names, so that a remedy can know it from its wells alone.
UNSEEN = Circuit("n_part_complex", theta=(0.15, 0.3), n=2.5)
OUTSIDE, INSIDE = 0.6, 1.0


def _unseen_wells() -> list[Pairs]:
    return [real_pairs(UNSEEN, 96, seed + 20) for seed in SEEDS]


@cache
def _plain_errors() -> tuple[np.ndarray, np.ndarray]:
    return errors(_fine_tuned(_unseen_wells()), UNSEEN)


@checks("8.4")
def a_remedy(answer) -> None:
    remedy = function(answer)
    networks = remedy(pretrained_networks(), _unseen_wells())
    if networks is None or networks is ...:
        raise NotYet("The function is still blank: let it return the trained networks.")
    if not isinstance(networks, Ensemble) or len(networks) != len(SEEDS):
        raise NotYet(
            "Five trained networks are asked for, an `Ensemble`, as `train(...).ensemble` gives them; this is "
            f"{type(networks).__name__}."
        )
    inside, outside = (
        float(np.exp(np.log(with_remedy / plain).mean()))
        for with_remedy, plain in zip(errors(networks, UNSEEN), _plain_errors(), strict=True)
    )
    said = f"Compared with plain fine-tuning the error is {inside:.2f} times inside and {outside:.2f} times outside"
    if inside > INSIDE and outside > 1:
        raise NotYet(
            f"{said}: worse in both places. What holds a network to the simulation holds it to the simulation's mistakes."
        )
    if not inside <= INSIDE:
        raise NotYet(f"{said}. What is gained outside should not be lost inside.")
    if not outside <= OUTSIDE:
        raise NotYet(
            f"{said}; at most {OUTSIDE:.2f} times outside is asked for. Better learning of the wells will not do: what else "
            "do the wells tell, if you know what kind of equation made them?"
        )
