"""The yeast's galactose switch as its authors wrote it down: twelve equations, and the one to which they come down.

Hong et al. 2021 (hong2021) follow the proteins Gal1, Gal2, Gal3, Gal4, Gal80, Mig1 and Hxt, active Gal3, two complexes
with Gal80, and both sugars inside the cell. At rest, free Gal4 alone settles all of them, and how much Gal3 the cell
must make to have it. Where that amount falls as free Gal4 rises, no cell can
stay: it jumps, and what a cell does depends on where it came from.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from fewerwells.laboratory.surfaces import Form, hill

PERCENT = 5.6e7  # nM of a sugar, 10 g/l
DECAY, SUGAR_DECAY = 0.0089, 7.0  # 1/min
# Numbers of the authors (github.com/JiayinHong/dualTransporterGAL, set 8); nM and minutes. They are where their search
# starts, and partly what an earlier search found, on data that may hold these wells.
BASAL = {"Gal1": 0.001, "Gal2": 0.08, "Gal3": 0.25, "Gal4": 0.063, "Gal80": 0.282, "Mig1": 0.295, "Hxt": 0.06}  # nM/min
INDUCED = {"Gal1": 350.0, "Gal2": 11.28, "Gal3": 1.92, "Gal4": 0.007, "Gal80": 0.389, "Hxt": 11.32}  # nM/min
BY_GAL4 = {"Gal1": (16.82, 3), "Gal2": (23.51, 2), "Gal3": (17.3, 2), "Gal80": (12.92, 2), "Hxt": (5.09, 10)}  # nM, n
BY_MIG1 = {"Gal1": (2.83, 2), "Gal3": (5.45, 1), "Gal4": (15.76, 1)}  # nM, n
MIG1_BY_GLUCOSE = 31.34, 2  # nM, n
BINDING = {"sugar": (75.16, 3391.0), "Gal3": (52656.0, 700.1), "Gal4": (502.0, 1237.0)}  # 1/(nM min) and 1/min
UPTAKE = 1.2  # molecules a minute by a transporter of either kind
TRANSPORTERS = {"Gal2": (2e6, 2e6), "Hxt": (2e6, 177 * 2e6)}  # nM of glucose and of galactose at half speed
ALL_GAL4 = (BASAL["Gal4"] + INDUCED["Gal4"]) / DECAY  # nM
LOG_ODDS = np.linspace(-6, 6, 97)  # of free Gal4 as a share of all that a cell can hold, where cells may rest
FROM_GAL1 = 300.0  # nM from which a cell counts as induced: a tenth of what the authors call fully on
STRENGTHS = "Gal3", "Gal80", "Hxt"  # what differs from strain to strain, as the authors found


def _at_rest(log_odds, glucose, galactose, gal80, hxt, mig1) -> tuple[np.ndarray, np.ndarray]:
    """How much Gal3 a cell must make to rest with so much Gal4 free, as a multiple, and its Gal1 (nM) there.

    Arguments as for `gal3_to_switch`, beside the log-odds of free Gal4; all broadcast, any shape. Where no amount will
    do, it is infinite; where a cell would have so much without any, 0.
    """
    gal4 = ALL_GAL4 / (1 + np.exp(-log_odds))
    induced = {name: hill(gal4, *numbers) for name, numbers in BY_GAL4.items()}
    gal2 = (BASAL["Gal2"] + INDUCED["Gal2"] * induced["Gal2"]) / DECAY
    hxts = hxt * (BASAL["Hxt"] + INDUCED["Hxt"] * (1 - induced["Hxt"])) / DECAY
    glucose_in = galactose_in = 0.0  # nM/min
    for amount, (for_glucose, for_galactose) in zip((gal2, hxts), TRANSPORTERS.values(), strict=True):
        taken = UPTAKE * amount / (1 + glucose / for_glucose + galactose / for_galactose)
        glucose_in = glucose_in + taken * glucose / for_glucose
        galactose_in = galactose_in + taken * galactose / for_galactose
    repressor = mig1 * BASAL["Mig1"] / DECAY * hill(glucose_in / SUGAR_DECAY, *MIG1_BY_GLUCOSE)
    open_to = {name: 1 - hill(repressor, *numbers) for name, numbers in BY_MIG1.items()}
    # what was made of each and has not decayed, free or bound, nM
    all_gal1 = (BASAL["Gal1"] + INDUCED["Gal1"] * induced["Gal1"] * open_to["Gal1"]) / DECAY
    all_gal3 = (BASAL["Gal3"] + INDUCED["Gal3"] * induced["Gal3"] * open_to["Gal3"]) / DECAY
    all_gal4 = (BASAL["Gal4"] + INDUCED["Gal4"] * open_to["Gal4"]) / DECAY
    all_gal80 = gal80 * (BASAL["Gal80"] + INDUCED["Gal80"] * induced["Gal80"]) / DECAY
    (on, off), (on3, off3), (on4, off4) = BINDING["sugar"], BINDING["Gal3"], BINDING["Gal4"]
    bound_gal4 = all_gal4 - gal4
    with np.errstate(divide="ignore", invalid="ignore"):
        free_gal80 = (off4 + DECAY) * bound_gal4 / (on4 * gal4)
        bound_gal3 = all_gal80 - free_gal80 - bound_gal4
        active_gal3 = (off3 + DECAY) * bound_gal3 / (on3 * free_gal80)
        lost = DECAY * (active_gal3 + bound_gal3)
        sugar = (galactose_in - lost) / SUGAR_DECAY
        idle_gal3 = (off * active_gal3 + lost) / (on * sugar)
        needed = (idle_gal3 + active_gal3 + bound_gal3) / all_gal3
    needed = np.where(bound_gal3 <= 0, 0.0, np.where((sugar > 0) & (bound_gal4 > 0), needed, np.inf))
    return needed, np.broadcast_to(all_gal1, needed.shape)


def gal3_to_switch(
    glucose: np.ndarray,
    galactose: np.ndarray,
    *,
    gal80: float | np.ndarray = 1.0,
    hxt: float | np.ndarray = 1.0,
    mig1: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """How much Gal3 switches an idle cell on, and how much keeps an induced one on.

    Args:
        glucose, galactose: outside the cell, nM, not negative.
        gal80, hxt, mig1: how much of each the strain makes, as multiples of the authors' numbers; `mig1` is 0 for a
            mutant without it. All arguments broadcast.

    Returns:
        Multiples of the authors' number for Gal3, the second never above the first: 0 where a cell is on without any,
        infinite where none is enough. A cell is on from the first free Gal4 at which its Gal1 reaches `FROM_GAL1`.

    Raises:
        ValueError: a negative concentration.
    """
    if np.any(np.asarray(glucose) < 0) or np.any(np.asarray(galactose) < 0):
        raise ValueError("a concentration of sugar is negative; it must be 0 nM or more.")
    given = [one[..., None] for one in np.broadcast_arrays(glucose, galactose, gal80, hxt, mig1)]
    needed, gal1 = _at_rest(LOG_ODDS, *given)
    idle = np.logical_and.accumulate(gal1 < FROM_GAL1, axis=-1)
    first = np.minimum(np.sum(idle, axis=-1, keepdims=True), len(LOG_ODDS) - 1)  # where it is on
    before, after = (np.log(np.take_along_axis(gal1, place, -1)) for place in (first - 1, first))
    part = np.clip((np.log(FROM_GAL1) - before) / np.maximum(after - before, 1e-9), 0, 1)
    between = LOG_ODDS[first - 1] + part * (LOG_ODDS[1] - LOG_ODDS[0])
    border = np.where(idle.all(axis=-1), np.inf, _at_rest(between, *given)[0][..., 0])
    up = np.max(needed, axis=-1, where=idle, initial=0.0)
    down = np.min(needed, axis=-1, where=~idle, initial=np.inf)
    return np.maximum(border, up), np.minimum(border, down)


def galactose_switch(glucose: float, galactose: float, mig1: float = 1.0) -> Form:
    """The share of cells that are induced, by the twelve equations.

    The equations know one cell and no shares. Here cells of a strain differ in how much Gal3 they make, by a factor that
    is log-normal; the wells set its spread, how much Gal3, Gal80 and Hxt the strain makes, and how much it counts where
    an idle cell would switch on, and where an induced one would stay on.

    Args:
        glucose, galactose: the largest doses, %.
        mig1: 0 for a mutant without it.

    Returns:
        A form for doses as shares of the largest ones.
    """

    def basis(s: np.ndarray, p: dict) -> list[np.ndarray]:
        doses = PERCENT * glucose * s[:, 0], PERCENT * galactose * s[:, 1]
        with np.errstate(divide="ignore"):  # no Gal3 at all, or none that is enough
            beyond = [
                np.log(p["Gal3"] / gal3) for gal3 in gal3_to_switch(*doses, gal80=p["Gal80"], hxt=p["Hxt"], mig1=mig1)
            ]
        return [np.ones(len(s)), *(ndtr(one / p["spread"]) for one in beyond)]

    bounds = tuple((name, (0.1, 10.0)) for name in STRENGTHS) + (("spread", (0.02, 2.0)),)
    return Form((*STRENGTHS, "spread"), basis, bounds=bounds)
