"""Pipettes that slip: against a laboratory that does not, and against how errors propagate to first order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.running.parameters import Experiment1
from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.datasets import BIG, SMALL
from fewerwells.science.noise import Noise
from fewerwells.science.pipetting import Pipetted
from fewerwells.science.systems import Simulated

COMPLEX = reference_circuit("n_part_complex")


@settings(max_examples=20)
@given(st.sampled_from(sorted(CIRCUITS)), st.floats(0, 2), st.floats(0, 0.5), st.sampled_from([None, BIG]))
def test_without_error_it_is_the_laboratory_that_we_know(name, additive, proportional, domain):
    circuit, noise = reference_circuit(name), Noise(additive, proportional)
    exact, plain = Pipetted(circuit, noise), Simulated(circuit, noise)
    np.testing.assert_array_equal(exact.wells(12, 3, domain=domain).y, plain.wells(12, 3, domain=domain).y)
    assert exact.description() == plain.description()


@given(st.floats(0.01, 1), st.integers(1, 30), st.integers(0, 50))
def test_fewer_wells_are_the_first_ones_and_the_intended_inputs_are_told(error, n, seed):
    system = Pipetted(COMPLEX, Noise(1.0, 0.1), error)
    few, many = system.wells(n, seed), system.wells(40, seed)
    np.testing.assert_array_equal(few.y, many.y[:n])
    np.testing.assert_array_equal(few.x, Simulated(COMPLEX).wells(n, seed).x)
    assert SMALL.contains(few.x).all()


def test_small_errors_propagate_as_the_slope_says():
    """Var y ≈ s² Σ (xᵢ ∂y/∂xᵢ)², the slope from central differences."""
    error = 0.01
    wells = Pipetted(COMPLEX, Noise(), error).wells(20_000, 1)
    step = 1e-5
    slopes = [
        (COMPLEX(wells.x * (1 + step * unit)) - COMPLEX(wells.x * (1 - step * unit))) / (2 * step) for unit in np.eye(2)
    ]
    expected = error * np.sqrt(slopes[0] ** 2 + slopes[1] ** 2)
    sure = expected > 1e-3 * expected.max()
    standardised = ((wells.y - COMPLEX(wells.x)) / expected)[sure]
    assert standardised.std() == pytest.approx(1, abs=0.02)
    assert standardised.mean() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("error", [-0.1, float("nan"), float("inf")])
def test_an_impossible_error_is_refused(error):
    with pytest.raises(ValueError, match=r"the input error is .*; it must be 0 or positive"):
        Pipetted(COMPLEX, input_error=error)


def test_experiment_1_measures_with_what_it_was_asked_for():
    assert Experiment1(profile="smoke").target == COMPLEX
    asked = Experiment1(profile="smoke", noise=0.5, proportional_noise=0.1, input_error=0.2)
    assert asked.target == Pipetted(COMPLEX, Noise(0.5, 0.1), 0.2)


@pytest.mark.parametrize(("share", "left"), [(0.99, 0), (0.01, 20)])
def test_each_phase_keeps_an_epoch(share, left):
    with pytest.raises(ValueError, match=f"leaves {left} for fine-tuning; each phase needs one at least"):
        Experiment1(profile="smoke", pretraining_share=share)
