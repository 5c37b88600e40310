"""The three sizes at which every chapter runs, and how a parameter that is left open is filled from one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

# Sizes by profile; None in a parameters cell means "as the profile says".
# paper is the study at full size; lecture keeps its 2000 epochs with fewer seeds and volumes, half the synthetic pairs and a
# quarter of the oracle's; smoke only shows that everything runs.
PROFILES: dict[str, dict] = {
    "smoke": {
        "n_seeds": 2,
        "epochs": 20,
        "synthetic_volume": 400,
        "oracle_volume": 400,
        "volumes": [10, 50, 200],
        "volume": 200,
        "coverage_repeats": 4,
        "sweep_seeds": 2,
        "sweep_synthetic_volume": 400,
        "sweep_oracle_volume": 400,
        "sweep_volumes": [10, 100],
        "sweep_hill_coefficients": [2.0],
        "sweep_noises": [0.5, 1.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [1e-3],
        "sweep_losses": ["l1"],
        "sweep_input_scalings": ["symmetric", "log"],
        "sweep_pretraining_shares": [0.5, 0.9],
        "sweep_fine_tuning_rates": [0.3, 1.0],
        "sweep_mismatches": [0.3],
        "sweep_proportional_noises": [0.1],
        "sweep_input_errors": [0.1],
        "arm_volumes": [20],
        "map_circuits": ["n_part_complex"],
        "map_volumes": [10, 50],
        "map_noises": [0.3, 3.0],
        "map_seeds": 4,
        "n_systems": 2,
        "system_seeds": 2,
        "proportional_noises": [0.3],
        "noise_seeds": 2,
        "system_volumes": [10, 50, 200],
        "well_targets": ["n_part_complex"],
        "random_volumes": [24, 48],
        "chosen_volumes": [24],
        "design_seeds": 2,
        "outside": [0, 8, 16, 32],
        "way_volumes": [8, 16],
        "circuits": ["goldbeter_koshland"],
        "curve_volumes": [24, 96],
        "few_seeds": 2,
    },
    "lecture": {
        "n_seeds": 4,
        "epochs": 2000,
        "synthetic_volume": 20_000,
        "oracle_volume": 5000,
        "volumes": [10, 20, 50, 96, 200, 500, 1000, 2000],
        "volume": 1000,
        "coverage_repeats": 40,
        "sweep_seeds": 3,
        "sweep_synthetic_volume": 5000,
        "sweep_oracle_volume": 2000,
        "sweep_volumes": [10, 50, 96, 500],
        "sweep_hill_coefficients": [1.0, 2.0],
        "sweep_noises": [1.0, 3.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [3e-4, 1e-3],
        "sweep_losses": ["l1", "l2"],
        "sweep_input_scalings": ["symmetric", "log"],
        "sweep_pretraining_shares": [0.5, 0.9],
        "sweep_fine_tuning_rates": [0.3, 1.0],
        "sweep_mismatches": [0.0, 0.3],
        "sweep_proportional_noises": [0.0, 0.1],
        "sweep_input_errors": [0.0, 0.1],
        "arm_volumes": [96],
        "map_circuits": ["n_part_complex", "goldbeter_koshland"],
        "map_volumes": [10, 30, 96],
        "map_noises": [0.3, 3.0],
        "map_seeds": 4,
        "n_systems": 3,
        "system_seeds": 2,
        "proportional_noises": [0.3],
        "noise_seeds": 2,
        "system_volumes": [20, 96, 200],
        "well_targets": ["n_part_complex", "goldbeter_koshland"],
        "random_volumes": [12, 24, 48],
        "chosen_volumes": [24],
        "design_seeds": 2,
        "outside": [0, 8, 16, 32],
        "way_volumes": [8, 24, 96],
        "circuits": ["n_part_complex", "goldbeter_koshland"],
        "curve_volumes": [24, 96],
        "few_seeds": 2,
    },
    "paper": {
        "n_seeds": 50,
        "epochs": 2000,
        "synthetic_volume": 40_000,
        "oracle_volume": 20_000,
        # about ×2 a step; 96 is one plate
        "volumes": [10, 20, 50, 96, 200, 500, 1000, 2000, 5000, 10_000, 20_000],
        "volume": 1000,  # 5 % of the oracle's 20,000
        "coverage_repeats": 400,
        "sweep_seeds": 10,
        "sweep_synthetic_volume": 40_000,
        "sweep_oracle_volume": 20_000,
        "sweep_volumes": [10, 20, 50, 96, 200, 500, 1000, 2000, 5000],
        "sweep_hill_coefficients": [1.0, 1.5, 2.0, 3.0, 4.0],
        "sweep_noises": [0.3, 1.0, 3.0],
        "sweep_batch_sizes": [32, 64, 256, 1024],
        "sweep_learning_rates": [3e-4, 1e-3, 3e-3],
        "sweep_losses": ["l1", "l2"],
        "sweep_input_scalings": ["symmetric", "unit", "none", "log"],
        "sweep_pretraining_shares": [0.5, 0.8, 0.9, 0.95, 0.99],
        "sweep_fine_tuning_rates": [0.1, 0.3, 1.0, 3.0],
        "sweep_mismatches": [-1.0, -0.3, 0.0, 0.3, 1.0],
        "sweep_proportional_noises": [0.0, 0.1, 0.3],
        "sweep_input_errors": [0.0, 0.05, 0.2],
        "arm_volumes": [20, 96, 500],
        "map_circuits": ["n_part_complex", "mixed_complex", "goldbeter_koshland"],
        "map_volumes": [10, 20, 50, 96, 200],
        "map_noises": [0.3, 1.0, 3.0, 10.0],
        "map_seeds": 20,
        "n_systems": 12,
        "system_seeds": 5,
        "proportional_noises": [0.1, 0.3],
        "noise_seeds": 10,
        "system_volumes": [10, 20, 50, 96, 200, 500, 1000, 2000],
        "well_targets": [
            "n_part_complex",
            "phosphorylation_cycle",
            "input_depletion",
            "goldbeter_koshland",
            "mixed_complex",
        ],
        "random_volumes": [12, 24, 48, 96],
        "chosen_volumes": [12, 24],
        "design_seeds": 50,
        "outside": [0, 4, 8, 16, 32, 64],
        "way_volumes": [8, 16, 24, 48, 96, 192],
        "circuits": [
            "n_part_complex",
            "phosphorylation_cycle",
            "input_depletion",
            "goldbeter_koshland",
            "mixed_complex",
        ],
        "curve_volumes": [12, 24, 48, 96, 200],
        "few_seeds": 20,
    },
}


class ProfileParameters(BaseModel):
    """The one parameter that every chapter has."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    profile: Literal["smoke", "lecture", "paper"] = "paper"

    @model_validator(mode="before")
    @classmethod
    def _fill_from_profile(cls, values: dict) -> dict:
        profile = values.get("profile", "paper")
        sizes = PROFILES[profile if isinstance(profile, str) and profile in PROFILES else "paper"]
        chosen = {name: sizes[name] for name in cls.model_fields if name in sizes and values.get(name) is None}
        return values | chosen

    @field_validator("*")
    @classmethod
    def _one_zero(cls, value):
        """-0.0 as 0.0: they are the same setting, and would be two points and two keys."""
        if isinstance(value, list):
            return [cls._one_zero(item) for item in value]
        return 0.0 if isinstance(value, float) and value == 0 else value
