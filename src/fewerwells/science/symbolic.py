"""Symbolic regression: formulas bred from the wells alone, by someone who believes that there is one.

Operon (Burlacu et al. 2020) breeds expression trees by genetic programming and fits their constants by least squares;
of each run the tree with the least description length is taken, so that the wells alone decide how long a formula is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fewerwells.science.cores import side_by_side
from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.forms import checked_inputs

SYMBOLS = "add,sub,mul,div,exp,logabs,constant,variable"  # a power is the exponential of a multiple of a logarithm
POPULATION = 200
GENERATIONS = 60
DIGITS = 9  # of a constant in the text of a formula
LONGEST = 30  # nodes of a tree
CONSTANTS_FITTED = 10  # steps of least squares for each new tree
LARGEST_OUTPUT = 10.0  # times the largest measured one: a formula with a pole may not predict beyond
PARALLEL_FROM = 2  # data sets

_OF_ONE = {"exp": np.exp, "log": np.log, "abs": np.abs, ast.USub: np.negative}
_OF_TWO = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def _value(node: ast.expr, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What a part of a formula is at some inputs; nothing but arithmetic is ever carried out."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float64(value)
        case ast.Name(id=name) if name in inputs:
            return inputs[name]
        case ast.UnaryOp(op=op, operand=part) if type(op) in _OF_ONE:
            return _OF_ONE[type(op)](_value(part, inputs))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OF_TWO:
            return _OF_TWO[type(op)](_value(left, inputs), _value(right, inputs))
        case ast.Call(func=ast.Name(id=name), args=[part], keywords=[]) if name in _OF_ONE:
            return _OF_ONE[name](_value(part, inputs))
    raise ValueError(f"{ast.unparse(node)!r} is no part of a formula in {' and '.join(inputs)}.")


@dataclass(frozen=True)
class Formulas:
    """One formula an output.

    Attributes:
        text: the two formulas, in X1 and X2, nM.
        limit: nM; no prediction goes beyond it in size.
    """

    text: tuple[str, str]
    limit: float

    def predict(self, x) -> np.ndarray:
        """Outputs, shape (M, 2), nM, for inputs (M, 2), nM; a formula without a value there says the limit.

        Raises:
            ValueError: the text is no formula.
        """
        x = checked_inputs(x)
        inputs = {"X1": x[:, 0], "X2": x[:, 1]}
        trees = [ast.parse(text, mode="eval").body for text in self.text]
        with np.errstate(all="ignore"):  # a formula may have a pole
            found = np.stack([np.broadcast_to(_value(tree, inputs), len(x)) for tree in trees], axis=1)
        return np.nan_to_num(found, nan=self.limit, posinf=self.limit, neginf=-self.limit).clip(-self.limit, self.limit)


def _breed(generations: int, job: tuple[Pairs, int]) -> Formulas:
    from pyoperon.sklearn import SymbolicRegressor  # an extra: only those who ask for formulas need it

    data, seed = job
    regressors = tuple(
        SymbolicRegressor(
            allowed_symbols=SYMBOLS,
            population_size=POPULATION,
            generations=generations,
            max_length=LONGEST,
            optimizer_iterations=CONSTANTS_FITTED,
            model_selection_criterion="minimum_description_length",
            n_threads=1,
            random_state=seed,
        ).fit(data.x, y)
        for y in data.y.T
    )
    # Operon's own models cannot be handed from one process to another; their text can
    texts = tuple(regressor.get_model_string(regressor.model_, precision=DIGITS) for regressor in regressors)
    return Formulas(texts, LARGEST_OUTPUT * float(np.abs(data.y).max()) or 1.0)


def breed_formulas(data: Sequence[Pairs], seeds: Sequence[int], *, generations: int = GENERATIONS) -> list[Formulas]:
    """Two formulas for each of several data sets.

    Args:
        data: the data sets, x and y of shape (N, 2), nM.
        seeds: one a data set, for the breeding.
        generations: of the genetic programming.

    Returns:
        One pair of formulas a data set, the same whatever the number of cores.

    Raises:
        ValueError: not one seed for each data set, or data that cannot be measurements.
        ImportError: pyoperon is not installed.
    """
    if len(seeds) != len(data):
        raise ValueError(f"there are {len(seeds)} seeds for {len(data)} data sets; each needs one.")
    for pairs in data:
        refuse_impossible(pairs)
    try:
        import pyoperon  # noqa: F401
    except ImportError as missing:
        raise ImportError("symbolic regression needs pyoperon: pip install 'fewerwells[rivals]'.") from missing
    return side_by_side(partial(_breed, generations), list(zip(data, seeds, strict=True)), worth_it_from=PARALLEL_FROM)
