"""The galactose switch against its twelve equations, integrated."""

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

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


def _is_on(before, glucose, galactose, *strain):
    """Whether a cell is induced after growth on 2 % of one sugar (glucose, galactose) and then long in the given ones."""
    grown = _after_long(np.ones(12), *(2 * PERCENT * np.array(before)), *strain)
    return _after_long(grown, glucose, galactose, *strain)[0] >= FROM_GAL1


FROM_GLUCOSE, FROM_GALACTOSE = (1, 0), (0, 1)


@pytest.mark.parametrize(("glucose", "galactose"), [(0, 0.0078), (0.03, 0.5), (0.25, 4), (1, 4)])
@pytest.mark.parametrize("mig1", [1.0, 0.0])
def test_cells_switch_where_the_twelve_equations_do(glucose, galactose, mig1):
    doses = glucose * PERCENT, galactose * PERCENT
    up, down = gal3_to_switch(*doses, mig1=mig1)
    for gal3, before, on in (
        (1.1 * up, FROM_GLUCOSE, True),
        (0.9 * up, FROM_GLUCOSE, False),
        (1.1 * down, FROM_GALACTOSE, True),
        (0.9 * down, FROM_GALACTOSE, False),
    ):
        assert _is_on(before, *doses, gal3, 1.0, 1.0, mig1) == on, (gal3, before)


strengths = st.floats(-1, 1).map(lambda power: 10**power)


@settings(
    max_examples=10, deadline=None, phases=[Phase.generate]
)  # integrating a switch is slow; shrinking takes minutes
@given(st.floats(0.01, 1), st.floats(0.01, 4), strengths, strengths, st.sampled_from([FROM_GLUCOSE, FROM_GALACTOSE]))
def test_every_strain_switches_where_its_equations_do(glucose, galactose, gal80, hxt, before):
    doses = glucose * PERCENT, galactose * PERCENT
    up, down = gal3_to_switch(*doses, gal80=gal80, hxt=hxt)
    gal3 = float(up if before == FROM_GLUCOSE else down)
    assume(0 < gal3 < np.inf)
    for factor, on in ((1.15, True), (0.85, False)):
        assert _is_on(before, *doses, factor * gal3, gal80, hxt, 1.0) == on, (factor, gal3)


def test_a_cell_remembers_where_it_came_from():
    up, down = gal3_to_switch(0.25 * PERCENT, 4 * PERCENT)
    between = np.sqrt(up * down)
    assert up > 1.1 * down
    came = [
        _is_on(before, 0.25 * PERCENT, 4 * PERCENT, between, 1.0, 1.0, 1.0) for before in (FROM_GLUCOSE, FROM_GALACTOSE)
    ]
    assert came == [False, True]


@pytest.mark.parametrize("gal3", [1.0, 10.0])
def test_where_no_gal3_is_enough_the_equations_stay_off(gal3):
    doses = 0.25 * PERCENT, 0.06 * PERCENT
    assert np.all(np.isinf(gal3_to_switch(*doses)))
    assert not _is_on(FROM_GALACTOSE, *doses, gal3, 1.0, 1.0, 1.0)


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
