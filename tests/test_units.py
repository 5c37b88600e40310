"""Units of concentration and the headers that carry them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewerwells.laboratory.reading.headers import is_dose, take_apart
from fewerwells.science.units import NANOMOLAR, to_nanomolar, unit_of


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [("µM", "uM"), ("μM", "uM"), ("uM", "uM"), ("nM", "nM"), ("M", "M"), ("pM", "pM"), ("mM", "mM")]
    + [("g/L", "g/l"), ("mg/mL", "mg/ml"), ("ug_mL", "ug/ml"), ("µg/ml", "ug/ml"), ("%", "%"), ("percent", "%")]
    + [("µmol/L", "uM"), ("μmol/l", "uM"), ("umol_L", "uM"), ("nmol/L", "nM"), ("mmol / l", "mM"), ("mol/L", "M")]
    + [("pmol/l", "pM"), ("fmol/L", "fM")],
)
def test_units_are_known_by_every_spelling(spelling, unit):
    assert unit_of(spelling) == unit


@pytest.mark.parametrize("word", ["mm", "MM", "mol", "kmol/l", "mol/ml", "nm", "molecules", "", "s", "OD"])
def test_what_is_no_unit_is_none(word):
    assert unit_of(word) is None


@given(st.floats(1e-9, 1e9), st.sampled_from(sorted(NANOMOLAR)))
def test_molar_units_agree_with_powers_of_ten(number, unit):
    power = {"M": 9, "mM": 6, "uM": 3, "nM": 0, "pM": -3, "fM": -6}[unit]
    np.testing.assert_allclose(to_nanomolar(number, unit), number * 10.0**power, rtol=1e-12)


def test_a_percentage_of_arabinose_in_nanomolar():
    # 1 % is 10 g/l; arabinose has 150.13 g/mol, so 66.6 mM
    np.testing.assert_allclose(to_nanomolar([1.0, 0.0], "%", 150.13), [10 / 150.13 * 1e9, 0.0], rtol=1e-12)
    np.testing.assert_allclose(to_nanomolar(3.0, "ng/ul", 300.0), 10_000.0, rtol=1e-12)


@pytest.mark.parametrize("mass", [None, 0.0, -1.0, float("nan")])
def test_mass_without_a_molar_mass_is_refused(mass):
    with pytest.raises(ValueError, match="g/l becomes nM only with a positive molar mass"):
        to_nanomolar(1.0, "g/l", mass)


def test_an_unknown_unit_is_refused_by_name():
    with pytest.raises(ValueError, match="no unit 'mol'"):
        to_nanomolar(1.0, "mol")


@pytest.mark.parametrize(
    ("header", "name", "unit", "log"),
    [
        ("IPTG_uM", "IPTG", "uM", ""),
        ("IPTG (µmol/L)", "IPTG", "uM", ""),
        ("IPTG_nmol_L", "IPTG", "nM", ""),
        ("x1 [nM]", "x1", "nM", ""),
        ("ligand (µM)", "ligand", "uM", ""),
        ("concentration_M", "concentration", "M", ""),
        ("ara_pc", "ara", "%", ""),
        ("glucose %", "glucose", "%", ""),
        ("ug_mL", "ug_mL", "ug/ml", ""),
        ("BSA mg/mL", "BSA", "mg/ml", ""),
        ("Standard Concentrations in ng/mL", "Standard Concentrations", "ng/ml", ""),
        ("log10 IPTG [M]", "IPTG", "M", "10"),
        ("logConc", "Conc", "", "?"),
        ("lg IPTG (uM)", "IPTG", "uM", "?"),
        ("IPTG log (uM)", "IPTG", "uM", "?"),
        ("IPTG log10 (uM)", "IPTG", "uM", "10"),
        ("IPTG_log10_uM", "IPTG", "uM", "10"),
        ("IPTG_uM_log10", "IPTG", "uM", "10"),
        ("IPTG (log10 uM)", "IPTG", "uM", "10"),
        ("IPTG [log10] uM", "IPTG", "uM", "10"),
        ("log2 IPTG (uM)", "IPTG", "uM", "other"),
        ("Log2_IPTG_uM", "IPTG", "uM", "other"),
        ("ln IPTG (uM)", "IPTG", "uM", "other"),
        ("IPTG_ln_uM", "IPTG", "uM", "other"),
        ("-log10 IPTG (M)", "IPTG", "M", "other"),
        ("-log IPTG [M]", "IPTG", "M", "other"),
        ("\u2212log10 IPTG (M)", "IPTG", "M", "other"),
        ("neg log10 IPTG (M)", "IPTG", "M", "other"),
        ("IPTG (-log10 M)", "IPTG", "M", "other"),
        ("pIPTG (M)", "IPTG", "M", "other"),
        ("pLac (nM)", "pLac", "nM", ""),
        ("lnc7 (nM)", "lnc7", "nM", ""),
        ("LGK974_uM", "LGK974", "uM", ""),
        ("Catalog (uM)", "Catalog", "uM", ""),
        ("glucose-logged_mM", "glucose-logged", "mM", ""),
        ("Concentration", "Concentration", "", ""),
        ("growth_time_h", "growth_time_h", "", ""),
        ("login", "login", "", ""),
    ],
)
def test_headers_are_taken_apart(header, name, unit, log):
    found = take_apart(header)
    assert (found.name, found.unit, found.log) == (name, unit, log)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("IPTG_uM", True), ("conc", True), ("Conc1", True), ("x1", True), ("dose", True), ("std_conc", True)]
    + [("GFP", False), ("Viability_pct", False), ("[Concentration]", False), ("second", False), ("OD600", False)],
)
def test_doses_are_told_from_signals(header, expected):
    assert is_dose(header) is expected
