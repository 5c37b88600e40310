"""The galactose switch against its twelve equations, integrated."""

import functools

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fewerwells.laboratory import galactose as switch
from fewerwells.laboratory.galactose import FROM_GAL1, PERCENT, gal3_to_switch, galactose_switch
from fewerwells.laboratory.surfaces import fit

MINUTES = 10_000


def _hill(x, half, n):
    return x**n / (half**n + x**n)


def _changes(_, y, glucose, galactose, gal3, gal80, hxt, mig1):
    """dy/dt of Gal1, Gal2, Gal3, Gal4, Gal80, active Gal3, Mig1, Gal3·Gal80, Gal4·Gal80, both sugars inside, Hxt."""
    y = np.maximum(y, 0)
    g2, g3, g4, g80, active, m, c3, c4, glu, gal, h = y[1:]
    repressor = m * _hill(glu, 31.34, 2)
    activation = 75.16 * gal * g3 - 3391 * active
    capture = 52656 * active * g80 - 700.1 * c3
    blocking = 502 * g4 * g80 - 1237 * c4
    by_gal2, by_hxt = 1.2 * g2, 1.2 * h
    glucose_in = by_gal2 * glucose / (galactose + glucose + 2e6) + by_hxt * glucose / (galactose / 177 + glucose + 2e6)
    galactose_in = by_gal2 * galactose / (glucose + galactose + 2e6)
    galactose_in += by_hxt * galactose / (177 * glucose + galactose + 177 * 2e6)
    made = [
        0.001 + 350 * _hill(g4, 16.82, 3) * (1 - _hill(repressor, 2.83, 2)),
        0.08 + 11.28 * _hill(g4, 23.51, 2),
        gal3 * (0.25 + 1.92 * _hill(g4, 17.3, 2) * (1 - _hill(repressor, 5.45, 1))) - activation,
        0.063 + 0.007 * (1 - _hill(repressor, 15.76, 1)) - blocking,
        gal80 * (0.282 + 0.389 * _hill(g4, 12.92, 2)) - capture - blocking,
        activation - capture,
        mig1 * 0.295,
        capture,
        blocking,
        glucose_in,
        galactose_in - activation,
        hxt * (0.06 + 11.32 * (1 - _hill(g4, 5.09, 10))),
    ]
    decay = np.full(12, 0.0089)
    decay[[9, 10]] = 7
    return np.array(made) - decay * y


def _after_long(start, *strain):
    return solve_ivp(_changes, (0, MINUTES), start, "BDF", args=strain, rtol=1e-6, atol=1e-9).y[:, -1]


@functools.cache
def _grown(was_on, *strain):
    """A cell before its sugars change."""
    if was_on:  # on galactose alone, with Gal3 in plenty
        grown = _after_long(np.ones(12), 0.0, 2 * PERCENT, 100.0, *strain)
        assert grown[0] > FROM_GAL1
    else:  # on glucose alone, with hardly any
        grown = _after_long(np.r_[np.ones(4), 30, np.zeros(2), np.ones(5)], 2 * PERCENT, 0.0, 0.01, *strain)
        assert grown[0] < FROM_GAL1
    return grown


def _stays(was_on, glucose, galactose, gal3, *strain):
    """Whether a cell ends induced, long after it was grown idle or induced."""
    return _after_long(_grown(was_on, *strain), glucose, galactose, gal3, *strain)[0] > FROM_GAL1


# glucose and galactose in %, multiples of Gal80, Hxt and Mig1; on the last two an earlier version was off by up to half
STRAINS = [
    (0, 0.0078, 1, 1, 1),
    (0.03, 0.5, 1, 1, 1),
    (0.25, 4, 1, 1, 1),
    (1, 4, 1, 1, 1),
    (0.25, 4, 1, 1, 0),
    (1, 1, 1, 1, 0),
    (0.5606, 0.9681, 3.0398, 2.2324, 1),
    (0.01, 4, 10, 0.1, 1),
]


@pytest.mark.parametrize(("glucose", "galactose", "gal80", "hxt", "mig1"), STRAINS)
def test_cells_switch_where_the_twelve_equations_do(glucose, galactose, gal80, hxt, mig1):
    doses = glucose * PERCENT, galactose * PERCENT
    up, down = gal3_to_switch(*doses, gal80=gal80, hxt=hxt, mig1=mig1)
    for was_on, threshold in ((False, up), (True, down)):
        for factor in (0.5, 0.93, 1.07, 3.0):
            ends_on = _stays(was_on, *doses, factor * threshold, gal80, hxt, mig1)
            assert ends_on == (factor > 1), (was_on, threshold, factor)


amounts = st.floats(-1, 1).map(lambda power: 10**power)


@settings(
    max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate]
)  # integrating and shrinking are slow
@given(st.floats(0.01, 1), st.floats(0.01, 4), amounts, amounts, st.booleans())
def test_every_strain_switches_where_its_equations_do(glucose, galactose, gal80, hxt, was_on):
    doses = glucose * PERCENT, galactose * PERCENT
    threshold = float(gal3_to_switch(*doses, gal80=gal80, hxt=hxt)[was_on])
    assume(0.01 < threshold < 50)
    gal1 = switch._at_rest(switch.LOG_ODDS, *doses, gal80, hxt, 1.0)[1]
    assume(np.all(np.diff(gal1) > 0))  # else Gal1 may fall below the border again as more Gal3 lets glucose in
    for factor in (0.9, 1.1):
        assert _stays(was_on, *doses, factor * threshold, gal80, hxt, 1.0) == (factor > 1), (threshold, factor)


def test_a_cell_remembers_where_it_came_from():
    doses = 0.25 * PERCENT, 4 * PERCENT
    up, down = gal3_to_switch(*doses)
    assert up > 1.1 * down
    assert [_stays(was_on, *doses, np.sqrt(up * down), 1.0, 1.0, 1.0) for was_on in (False, True)] == [False, True]


def test_a_finer_grid_gives_the_same_thresholds(monkeypatch):
    rng = np.random.default_rng(0)
    doses = PERCENT * rng.random((2, 300)) * [[1], [4]]
    amounts = dict(zip(("gal80", "hxt"), 10 ** rng.uniform(-1, 1, (2, 300)), strict=True))
    coarse = np.array(gal3_to_switch(*doses, **amounts))
    monkeypatch.setattr(switch, "LOG_ODDS", np.linspace(-9, 9, 7201))
    np.testing.assert_allclose(coarse, gal3_to_switch(*doses, **amounts), rtol=0.02, atol=0.005)


def test_without_galactose_no_gal3_is_enough_and_without_gal80_none_is_needed():
    assert np.all(np.isinf(gal3_to_switch(np.array([0, 1e7]), 0.0)))
    assert gal3_to_switch(0.0, 1e7, gal80=1e-3) == (0.0, 0.0)


def test_the_form_finds_its_own_strain_again():
    form = galactose_switch(1.0, 4.0)
    s = np.stack(np.meshgrid(np.r_[0, 2.0 ** np.arange(-6, 1)], np.r_[0, 2.0 ** np.arange(-10, 1)]), -1).reshape(-1, 2)
    truth = {"Gal3": 2.0, "Gal80": 1.5, "Hxt": 0.5, "spread": 0.3}
    share = np.column_stack(form.basis(s, truth)) @ np.array([0.02, 0.4, 0.5])
    found = fit(form, "galactose", s, share, np.ones(len(s)))
    assert np.sqrt(found.squares / len(s)) < 1e-3
    for name, value in truth.items():
        assert found.parameters[name] == pytest.approx(value, rel=0.05), name
