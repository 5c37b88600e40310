"""A library of mechanisms: weights by hand, and the right mechanism found by its wells."""

import numpy as np
import pytest

from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.datasets import BIG, real_pairs, sobol_inputs
from fewerwells.science.library import MECHANISMS, akaike_weights, average, fit_mechanisms, mechanism_of

X = sobol_inputs(BIG, 64)


class TestAkaikeWeights:
    def test_by_hand(self):
        """m = 10, RSS 10 and 20, one and two parameters: AICc = m·log(RSS/m) + 2p + 2p(p+1)/(m−p−1), p with σ²."""
        one = 0 + 4 + 12 / 7
        two = 10 * np.log(2) + 6 + 24 / 6
        expected = 1 / (1 + np.exp(-(two - one) / 2))
        np.testing.assert_allclose(akaike_weights(np.array([10, 20]), np.array([1, 2]), 10), [expected, 1 - expected])

    def test_equal_fits_are_weighed_by_their_parameters_alone(self):
        weights = akaike_weights(np.array([5.0, 5.0, 5.0]), np.array([4, 4, 6]), 200)
        assert weights[0] == weights[1] > weights[2]
        assert weights.sum() == pytest.approx(1)

    def test_a_fit_that_leaves_nothing_over_gets_no_weight_while_another_does(self):
        np.testing.assert_array_equal(akaike_weights(np.array([0.0, 3.0]), np.array([7, 2]), 8), [0, 1])
        assert akaike_weights(np.array([0.0, 0.0]), np.array([8, 9]), 8).sum() == pytest.approx(1)


@pytest.mark.parametrize("name", CIRCUITS)
def test_many_wells_everywhere_name_the_mechanism(name):
    """On the big domain, with little noise, the right mechanism (or one that contains it) takes the weight."""
    circuit = reference_circuit(name)
    wells = [real_pairs(circuit, 200, 3, domain=BIG, noise=0.1)]
    (found,) = average(fit_mechanisms(wells), wells)
    assert set(found.weights) == set(MECHANISMS)
    np.testing.assert_allclose(found.predict(X), circuit(X), atol=0.2)
    if name in MECHANISMS:
        assert max(found.weights, key=found.weights.get) == name


def test_without_the_truth_it_is_wrong():
    circuit = reference_circuit("goldbeter_koshland")
    wells = [real_pairs(circuit, 200, 3, noise=0.1)]
    (found,) = average(fit_mechanisms(wells), wells, without=mechanism_of(circuit))
    assert "goldbeter_koshland" not in found.weights
    assert np.abs(found.predict(X) - circuit(X)).max() > 1


def test_an_unknown_mechanism_is_refused():
    with pytest.raises(ValueError, match="no mechanism 'magic'; choose one of family"):
        average({}, [], without="magic")
