"""Symbolic regression: a formula that is found, a seed that fixes it, a limit that holds, plain refusals."""

import sys

import numpy as np
import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs, uniform_inputs
from fewerwells.science.symbolic import LARGEST_OUTPUT, Formulas, breed_formulas

X = sobol_inputs(BIG, 64)
WELLS = real_pairs(reference_circuit("n_part_complex"), 24, seed=1000)


def test_a_product_and_a_ratio_are_found():
    pytest.importorskip("pyoperon")
    x = uniform_inputs(BIG, 60, np.random.default_rng(0))

    def truth(x):
        return np.stack([0.5 * x[:, 0] * x[:, 1], 3 * x[:, 0] / (1 + x[:, 1])], axis=1)

    (found,) = breed_formulas([Pairs(x, truth(x))], [0], generations=15)
    np.testing.assert_allclose(found.predict(X), truth(X), rtol=0.05, atol=0.5)
    assert all("X1" in text and "X2" in text for text in found.text)


def test_the_seed_fixes_the_formula_and_no_prediction_passes_the_limit():
    pytest.importorskip("pyoperon")
    one, other = (breed_formulas([WELLS], [3], generations=2)[0] for _ in range(2))
    assert one.text == other.text
    far = one.predict(np.array([[0.0, 0.0], [1e6, 0.0], [1e9, 1e9]]))
    assert np.isfinite(far).all()
    assert np.abs(far).max() <= LARGEST_OUTPUT * np.abs(WELLS.y).max()


def test_the_text_is_the_formula():
    by_hand = Formulas(("(2.0 + (X1 * exp(((-0.5) * X2))))", "(3.0 / log(abs(X1)))"), 50.0)
    x = np.array([[2.0, 1.0], [0.0, 0.0], [1.0, 3.0]])
    np.testing.assert_allclose(by_hand.predict(x)[:, 0], 2 + x[:, 0] * np.exp(-0.5 * x[:, 1]))
    np.testing.assert_allclose(by_hand.predict(x)[:, 1], [3 / np.log(2), 0.0, 50.0], atol=1e-12)
    np.testing.assert_array_equal(Formulas(("1.5", "X2"), 9.0).predict(x), [[1.5, 1], [1.5, 0], [1.5, 3]])


@pytest.mark.parametrize("text", ["__import__('os').getcwd()", "X3", "X1 ** X2", "exp(X1, X2)", "'a'", "[X1]"])
def test_what_is_no_formula_is_refused_and_never_run(text):
    with pytest.raises(ValueError, match="is no part of a formula in X1 and X2"):
        Formulas((text, "1.0"), 9.0).predict(X)


def test_bad_input_is_refused_in_a_sentence(monkeypatch):
    with pytest.raises(ValueError, match="2 seeds for 1 data sets"):
        breed_formulas([WELLS], [1, 2])
    with pytest.raises(ValueError, match="cannot be negative"):
        breed_formulas([Pairs(-WELLS.x, WELLS.y)], [1])
    monkeypatch.setitem(sys.modules, "pyoperon", None)
    with pytest.raises(ImportError, match=r"fewerwells\[rivals\]"):
        breed_formulas([WELLS], [1])
