"""Fair baselines: what the same wells give a network from scratch, and one that transfers, when each is trained with care.

They stand beside `protocol.ARMS`, so that the published designs of the study stay what they are. Everything that is
chosen is chosen on held-out wells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.learners import Learner, Network
from fewerwells.science.learners.chosen import Chosen, Mean
from fewerwells.study.protocol import ARMS, Arm, Setting, add_arm

SHARES_OF_EPOCHS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # of the study's 2000 from scratch
SHARES_OF_FINE_TUNING = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)  # of the study's 200
RATES = (0.1, 0.3, 1.0, 3.0)  # times the protocol's
DECAY = (1.0, 0.3, 0.1)  # the rate in three stretches, each with a fresh optimiser
COMPLEX = reference_circuit("n_part_complex", 2.0)


def _scratch(setting: Setting, share: float = 1.0, rate: float = 1.0) -> Network:
    protocol = setting.protocol
    phase = protocol.scratch(max(1, round(share * protocol.epochs)))
    return protocol.network(replace(phase, schedule=_faster(phase.schedule, rate)))


def _transfer(setting: Setting, share: float = 1.0, rate: float = 1.0) -> Network:
    protocol = setting.protocol
    phase = protocol.fine_tuning(epochs=max(1, round(share * protocol.fine_tuning_epochs)))
    return protocol.network(protocol.pretraining(), replace(phase, schedule=_faster(phase.schedule, rate)))


def _faster(schedule, rate: float):
    return replace(schedule, learning_rate=rate * schedule.learning_rate)


def _decaying(setting: Setting, network: Network) -> Network:
    """The last phase in three stretches, each a third of its epochs, at a falling rate."""
    *before, last = network.phases
    third = max(1, last.schedule.epochs // len(DECAY))
    stretches = [replace(last, schedule=_faster(replace(last.schedule, epochs=third), rate)) for rate in DECAY]
    return replace(network, phases=(*before, *stretches))


def _at_best(make: Callable, shares: tuple[float, ...]) -> Callable[[Setting], Learner]:
    """Logarithmic or plain inputs, epochs and rate, all chosen on held-out wells."""

    def learner(setting: Setting) -> Chosen:
        plain = [make(setting, share, rate) for share in shares for rate in (0.3, 1.0)]
        return Chosen((*plain, *(replace(network, log_inputs=True) for network in plain)))

    return learner


def _from_complex(setting: Setting) -> Network:
    return _transfer(replace(setting, protocol=replace(setting.protocol, source=COMPLEX)))


BASELINES: dict[str, Arm] = {
    "scratch, log inputs": Arm(
        "Does scratch need only logarithmic inputs?", lambda setting: replace(_scratch(setting), log_inputs=True)
    ),
    "transfer, log inputs": Arm(
        "… and transfer with the same?", lambda setting: replace(_transfer(setting), log_inputs=True)
    ),
    "scratch, stopped": Arm(
        "What if scratch stops where held-out wells say?",
        lambda setting: Chosen(tuple(_scratch(setting, share) for share in SHARES_OF_EPOCHS)),
    ),
    "transfer, stopped": Arm(
        "… and fine-tuning, too?",
        lambda setting: Chosen(tuple(_transfer(setting, share) for share in SHARES_OF_FINE_TUNING)),
    ),
    "scratch, rate chosen": Arm(
        "What if held-out wells choose the learning rate?",
        lambda setting: Chosen(tuple(_scratch(setting, rate=rate) for rate in RATES)),
    ),
    "transfer, rate chosen": Arm(
        "… and that of fine-tuning?",
        lambda setting: Chosen(tuple(_transfer(setting, rate=rate) for rate in RATES)),
    ),
    "scratch, decaying rate": Arm("What if the rate falls?", lambda setting: _decaying(setting, _scratch(setting))),
    "transfer, decaying rate": Arm("… in fine-tuning, too?", lambda setting: _decaying(setting, _transfer(setting))),
    "scratch, mean of five": Arm("What is the mean of five networks worth?", lambda setting: Mean(_scratch(setting))),
    "scratch, at its best": Arm("What is scratch at its best, chosen on wells?", _at_best(_scratch, SHARES_OF_EPOCHS)),
    "transfer, at its best": Arm(
        "What is transfer at its best, chosen on wells?", _at_best(_transfer, SHARES_OF_FINE_TUNING)
    ),
    "transfer from the complex model": Arm("What if the simulation is the complex model, n = 2?", _from_complex),
}


def add_baselines() -> None:
    """Make these arms known to every design of this process; a second time changes nothing."""
    for name, arm in BASELINES.items():
        if name not in ARMS:
            add_arm(name, arm)
