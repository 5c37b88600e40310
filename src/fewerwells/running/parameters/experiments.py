"""The study's two experiments, and the sweeps of the first."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Self

from pydantic import Field, model_validator

from fewerwells.running.parameters.fields import (
    BatchSize,
    CircuitName,
    Decades,
    Distinct,
    EachOnce,
    EngineName,
    HillCoefficient,
    Increasing,
    InputScaling,
    LearningRate,
    Loss,
    Multiple,
    Noise,
    NumberOfSeeds,
    OutsideFamily,
    RelativeError,
    Share,
    SyntheticVolume,
    Volume,
)
from fewerwells.running.parameters.profiles import ProfileParameters
from fewerwells.running.parameters.training import SeededParameters
from fewerwells.science.circuits import CIRCUITS, REFERENCE_N, Circuit, reference_circuit
from fewerwells.science.datasets import BIG
from fewerwells.science.noise import Noise as MeasurementNoise
from fewerwells.science.pipetting import Pipetted
from fewerwells.study.protocol import SIMPLE_MODEL, Cell, Design, Protocol

# What becomes −1 and 1, nM: the borders of the big domain, as they are or as logarithms; −20 and 20, so that 0–20 becomes
# 0–1; or the bare numbers.
INPUT_RANGES = {
    "symmetric": (BIG.low, BIG.high),
    "unit": (-BIG.high, BIG.high),
    "none": (-1.0, 1.0),
    "log": (BIG.low, BIG.high),
}


class Experiment1(SeededParameters):
    """Experiment 1: the volume of real data varies, the target circuit is fixed."""

    circuit: CircuitName = "n_part_complex"
    hill_coefficient: HillCoefficient = REFERENCE_N
    volumes: Increasing[Volume] = None
    pretraining_share: Share = 0.9
    fine_tuning_rate: Multiple = 1.0
    input_scaling: InputScaling = "symmetric"
    theta_mismatch: Decades = 0.0
    eta_mismatch: Decades = 0.0
    proportional_noise: RelativeError = 0.0
    input_error: RelativeError = 0.0

    @model_validator(mode="after")
    def _both_phases_train(self) -> Self:
        before = round(self.pretraining_share * self.epochs)
        if not 0 < before < self.epochs:
            given = f"pretraining_share is {self.pretraining_share:g} and epochs is {self.epochs}"
            raise ValueError(
                f"{given}, which leaves {self.epochs - before} for fine-tuning; each phase needs one at least"
            )
        return self

    @model_validator(mode="after")
    def _hill_coefficient_counts(self) -> Self:
        given = f"hill_coefficient is {self.hill_coefficient:g} and circuit is {self.circuit}"
        own = {parameter.name: parameter for parameter in CIRCUITS[self.circuit].own}
        if "n" not in own and self.hill_coefficient != REFERENCE_N:
            raise ValueError(f"{given}, which has none; leave it at {REFERENCE_N:g}")
        if "n" in own and own["n"].choices and self.hill_coefficient not in own["n"].choices:
            raise ValueError(f"{given}, which is solved for {' and '.join(map(str, own['n'].choices))} only")
        return self

    @property
    def target(self) -> Circuit | Pipetted:
        """The real system; a circuit without a Hill coefficient leaves it alone."""
        has_one = "n" in CIRCUITS[self.circuit].reference
        circuit = reference_circuit(self.circuit, self.hill_coefficient if has_one else None)
        if not (self.proportional_noise or self.input_error):
            return circuit
        return Pipetted(circuit, MeasurementNoise(self.noise, self.proportional_noise), self.input_error)

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings; θ and η of its source are too large by the mismatches."""
        true = SIMPLE_MODEL
        theta, eta = (
            tuple(value * 10.0**decades for value in values)
            for values, decades in ((true.theta, self.theta_mismatch), (true.eta, self.eta_mismatch))
        )
        source = replace(true, theta=theta, eta=eta)
        return replace(
            super().protocol,
            pretraining_share=self.pretraining_share,
            fine_tuning_rate=self.fine_tuning_rate,
            input_range=INPUT_RANGES[self.input_scaling],
            log_inputs=self.input_scaling == "log",
            source=source,
        )

    @property
    def designs(self) -> list[Design]:
        """One: transfer and scratch at every volume, then the oracle."""
        arms = [Cell(arm, self.target, n) for arm in ("transfer", "scratch") for n in self.volumes]
        return [self._design([*arms, Cell("oracle", self.target, self.oracle_volume)])]


class Experiment2(SeededParameters):
    """Experiment 2: the target circuit varies, the volume of real data is fixed."""

    hill_coefficients: Distinct[HillCoefficient] = Field(default=[1.0, 1.5, 2.0, 3.0, 4.0])
    phosphorylation: bool = True
    outside_family: Distinct[OutsideFamily] = Field(default=[])
    volume: Volume = None

    @model_validator(mode="after")
    def _some_target(self) -> Self:
        if not self.targets:
            raise ValueError(
                "hill_coefficients and outside_family are [] and phosphorylation is false; at least one target is needed"
            )
        return self

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        complexes = [reference_circuit("n_part_complex", n) for n in self.hill_coefficients]
        cycle = [reference_circuit("phosphorylation_cycle")] * self.phosphorylation
        return complexes + cycle + [reference_circuit(name) for name in self.outside_family]

    @property
    def designs(self) -> list[Design]:
        """One: transfer, scratch and an oracle for each target."""
        cells = [
            Cell(arm, target, self.oracle_volume if arm == "oracle" else self.volume)
            for target in self.targets
            for arm in ("transfer", "scratch", "oracle")
        ]
        return [self._design(cells)]


class Sweeps(ProfileParameters):
    """Sweeps of Experiment 1: over the Hill coefficient and the noise, each choice that the study made or is silent on,
    the mismatch of the source's parameters, and what a real well adds to the noise.
    """

    sweep_seeds: NumberOfSeeds = None
    sweep_synthetic_volume: SyntheticVolume = None
    sweep_oracle_volume: Volume = None
    sweep_volumes: Increasing[Volume] = None
    sweep_hill_coefficients: EachOnce[HillCoefficient] = None
    sweep_noises: EachOnce[Noise] = None
    sweep_batch_sizes: EachOnce[BatchSize] = None
    sweep_learning_rates: EachOnce[LearningRate] = None
    sweep_losses: EachOnce[Loss] = None
    sweep_input_scalings: EachOnce[InputScaling] = None
    sweep_pretraining_shares: EachOnce[Share] = None
    sweep_fine_tuning_rates: EachOnce[Multiple] = None
    sweep_mismatches: EachOnce[Decades] = None
    sweep_proportional_noises: EachOnce[RelativeError] = None
    sweep_input_errors: EachOnce[RelativeError] = None
    engine: EngineName = "auto"

    @property
    def grids(self) -> dict[str, dict[str, list]]:
        """Name of a sweep → parameter of Experiment 1 → the values whose combinations run."""
        return {
            "n_by_noise": {"hill_coefficient": self.sweep_hill_coefficients, "noise": self.sweep_noises},
            "batch_size": {"batch_size": self.sweep_batch_sizes},
            "learning_rate": {"learning_rate": self.sweep_learning_rates},
            "loss": {"loss": self.sweep_losses},
            "input_scaling": {"input_scaling": self.sweep_input_scalings},
            "pretraining_share": {"pretraining_share": self.sweep_pretraining_shares},
            "fine_tuning_rate": {"fine_tuning_rate": self.sweep_fine_tuning_rates},
            "theta_mismatch": {"theta_mismatch": self.sweep_mismatches},
            "eta_mismatch": {"eta_mismatch": self.sweep_mismatches},
            "proportional_noise": {"proportional_noise": self.sweep_proportional_noises},
            "input_error": {"input_error": self.sweep_input_errors},
        }

    @property
    def fixed(self) -> dict:
        """What all points of all sweeps share."""
        sizes = {name: getattr(self, f"sweep_{name}") for name in ("synthetic_volume", "oracle_volume", "volumes")}
        return {"profile": self.profile, "n_seeds": self.sweep_seeds, "engine": self.engine} | sizes

    def points(self, name: str) -> list[tuple[dict, Experiment1]]:
        """The points of a sweep: the values of its grid, and Experiment 1 with them."""
        grid = self.grids[name]
        each = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        return [(values, Experiment1(**self.fixed | values)) for values in each]

    @property
    def designs(self) -> list[Design]:
        """One a point; a point that sweeps share stands there once."""
        return list(dict.fromkeys(d for name in self.grids for _, point in self.points(name) for d in point.designs))
