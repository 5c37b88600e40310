"""The measured peak keeps its chains in registers, whatever the processor's vectors are."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from peak import _burn, shape


@pytest.mark.parametrize(
    ("features", "lanes", "registers"),
    [({"avx512f": True, "avx": True}, 16, 32), ({"avx": True}, 8, 16), ({"neon": True}, 4, 32), ({}, 4, 16)],
)
def test_chains_and_their_two_constants_fit_into_the_registers(features, lanes, registers):
    found, chains = shape(features)
    assert found == lanes
    assert 10 <= chains <= registers - 2


def test_a_chain_ends_where_its_recursion_does():
    """x → 0.999·x + 0.1 has one fixed point, 100; the sum over chains is that many times as large."""
    _, chains = shape({})
    assert _burn(200_000) == pytest.approx(100.0 * chains, rel=1e-3)
