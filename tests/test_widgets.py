"""The interactive figures: JavaScript and Python agree on random cases, and the page gets what Python holds."""

import gzip
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from fewerwells.book.plots.style import PALETTE
from fewerwells.book.widgets import ReadAPlate, TrainItYourself, _bundle, plate_reader, pretrained
from fewerwells.book.widgets.summary import summarise
from fewerwells.science.circuits import hill_family, simple_activation
from fewerwells.science.datasets import BIG, Pairs, sobol_inputs
from fewerwells.science.design import reading
from fewerwells.science.design.candidates import Candidates, grid
from fewerwells.science.design.reading import LeastSure
from fewerwells.science.in_context.features import LEVELS
from fewerwells.science.in_context.reader import InContextNetwork
from fewerwells.science.networks import STUDY_SIZES, Ensemble, parameter_count
from fewerwells.science.statistics import geometric_summary
from fewerwells.science.training import reference
from fewerwells.science.training._order import batch_order
from fewerwells.study.columns import Region
from fewerwells.study.protocol import Protocol

RUNNER = Path(__file__).parent / "maths_cases.mjs"
NODE = shutil.which("node")
GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
TOLERANCE = 1e-6

needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is missing; on Debian: apt-get install nodejs npm")


def javascript(cases: list[dict]) -> list:
    """The answers of maths.js to a list of cases."""
    finished = subprocess.run([NODE, str(RUNNER)], input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(finished.stdout)


def words(key: int, stream: int, n: int) -> list[int]:
    """SplitMix64 read by position, in plain whole numbers."""
    values = []
    for i in range(n):
        word = (key + GOLDEN * ((stream << 32) + i)) % 2**64
        word = ((word ^ (word >> 30)) * MIX_1) % 2**64
        word = ((word ^ (word >> 27)) * MIX_2) % 2**64
        values.append(word ^ (word >> 31))
    return values


def uniforms(key: int, stream: int, n: int) -> np.ndarray:
    return np.array([word >> 11 for word in words(key, stream, n)]) / 2**53


def normals(key: int, stream: int, n: int) -> np.ndarray:
    u = uniforms(key, stream, 2 * n)
    return np.sqrt(-2 * np.log1p(-u[::2])) * np.cos(2 * np.pi * u[1::2])


def wells(circuit: dict, n: int, noise: float, high: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What `measureWells` should give: x and y, both (n, 2), nM."""
    x = high * uniforms(seed, 1, 2 * n).reshape(n, 2)
    return x, hill_family(x, **circuit) + noise * normals(seed, 2, 2 * n).reshape(n, 2)


def fresh_network(seed: int) -> np.ndarray:
    """What `freshNetwork` should give for the study's network, shape (492,)."""
    bounds = np.concatenate([np.full((a + 1) * b, a**-0.5) for a, b in pairwise(STUDY_SIZES)])
    return bounds * (2 * uniforms(seed, 3, len(bounds)) - 1)


def random_circuit(rng) -> dict:
    theta, eta = rng.uniform(0.05, 2, 2).tolist(), rng.uniform(5, 60, 2).tolist()
    return {"theta": theta, "eta": eta, "n": float(rng.uniform(0.5, 4)), "b": float(rng.choice([0, 0.3, 1]))}


def random_network(rng, sizes=STUDY_SIZES) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, parameter_count(sizes))


def torch_training(sizes, parameters, x, y, scale, key, epochs) -> np.ndarray:
    """The package's readable engine in 64-bit numbers."""
    return reference.train(
        parameters[None],
        sizes,
        (x / 10 - 1)[None],
        (y / scale)[None],
        keys=np.array([key], np.uint64),
        epochs=epochs,
        batch_size=256,
        learning_rate=1e-3,
        threads=1,
    )[0]


@needs_node
class TestMaths:
    def test_circuits(self):
        rng = np.random.default_rng(1)
        cases, expected = [], []
        for _ in range(40):
            x, circuit = rng.uniform(0, 20, (30, 2)), random_circuit(rng)
            x[0], x[1, 0], x[2, 1] = 0, 0, 0  # the origin and the axes
            cases.append({"what": "circuit", "x": x.ravel().tolist(), "circuit": circuit})
            expected.append(hill_family(x, **circuit).ravel())
        np.testing.assert_allclose(javascript(cases), expected, rtol=0, atol=TOLERANCE)

    def test_random_numbers_are_those_of_the_package(self):
        rng = np.random.default_rng(2)
        keys = [0, 1, 2**64 - 1, *map(int, rng.integers(0, 2**63, 5))]
        got = javascript([{"what": "words", "key": str(key), "stream": 7, "n": 9} for key in keys])
        assert got == [[str(word) for word in words(key, 7, 9)] for key in keys]
        got = javascript([{"what": "order", "key": str(key), "epoch": 3, "n": 400} for key in keys])
        assert got == [batch_order(key, 3, 400).tolist() for key in keys]

    def test_normal_numbers_are_normal(self):
        (sample,) = javascript([{"what": "normals", "key": 5, "n": 20_000}])
        np.testing.assert_allclose(sample[:200], normals(5, 0, 200), atol=1e-12)
        assert abs(np.mean(sample)) < 0.03
        assert abs(np.std(sample) - 1) < 0.02

    def test_wells_are_nested_and_as_python_makes_them(self):
        circuit = random_circuit(np.random.default_rng(3))
        case = {"what": "wells", "circuit": circuit, "noise": 0.7, "high": 10, "seed": 4}
        few, many = javascript([case | {"n": 10}, case | {"n": 96}])
        assert few["x"] == many["x"][:20]
        assert few["y"] == many["y"][:20]
        x, y = wells(circuit, 96, 0.7, 10, 4)
        np.testing.assert_allclose(many["x"], x.ravel(), atol=1e-12)
        np.testing.assert_allclose(many["y"], y.ravel(), atol=1e-9)

    def test_fresh_networks(self):
        (got,) = javascript([{"what": "fresh", "sizes": STUDY_SIZES, "seed": 11}])
        np.testing.assert_allclose(got, fresh_network(11), atol=1e-15)

    @pytest.mark.parametrize("sizes", [STUDY_SIZES, (2, 2), (2, 3, 4, 2)])
    def test_forward_pass(self, sizes):
        rng = np.random.default_rng(4)
        cases, expected = [], []
        for _ in range(10):
            parameters, x = random_network(rng, sizes), rng.uniform(0, 20, (20, 2))
            cases.append(
                {"what": "predict", "sizes": sizes, "parameters": parameters.tolist(), "x": x.ravel().tolist()}
            )
            cases[-1]["scale"] = 40.0
            ensemble = Ensemble(sizes, parameters[None], output_scale=40.0)
            expected.append(ensemble.predict(x)[0].ravel())
        np.testing.assert_allclose(javascript(cases), expected, rtol=0, atol=TOLERANCE)

    @pytest.mark.parametrize("sizes", [STUDY_SIZES, (2, 2), (2, 3, 4, 2)])
    def test_loss_and_gradient(self, sizes):
        rng = np.random.default_rng(5)
        cases, expected = [], []
        for _ in range(10):
            parameters, x, y = random_network(rng, sizes), rng.uniform(0, 20, (17, 2)), rng.uniform(0, 40, (17, 2))
            layers = reference._layers(torch.tensor(parameters[None]), sizes)
            scaled = torch.tensor((x / 10 - 1).T[None])
            loss = reference.loss_of(reference.forward(layers, scaled), torch.tensor(y.T[None] / 40), "l1")
            loss.backward()
            gradient = torch.cat([tensor.grad.reshape(-1) for layer in layers for tensor in layer])
            expected.append((loss.item(), gradient.numpy()))
            case = {"what": "gradient", "sizes": sizes, "parameters": parameters.tolist(), "scale": 40.0}
            cases.append(case | {"x": x.ravel().tolist(), "y": y.ravel().tolist()})
        for got, (loss, gradient) in zip(javascript(cases), expected, strict=True):
            assert got["loss"] == pytest.approx(loss, abs=1e-12)
            np.testing.assert_allclose(got["gradient"], gradient, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("n", [10, 96, 600])
    def test_training_with_adam(self, n):
        """Several epochs of whole training, with and without more than one batch."""
        rng = np.random.default_rng(n)
        parameters, x, y = random_network(rng), rng.uniform(0, 10, (n, 2)), rng.uniform(0, 40, (n, 2))
        key = int(rng.integers(0, 2**63))
        case = {"what": "training", "sizes": STUDY_SIZES, "parameters": parameters.tolist(), "scale": 40.0}
        (got,) = javascript([case | {"x": x.ravel().tolist(), "y": y.ravel().tolist(), "key": str(key), "epochs": 20}])
        expected = torch_training(STUDY_SIZES, parameters, x, y, 40.0, key, epochs=20)
        np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE)


def in_double_precision() -> InContextNetwork:
    """The shipped network, thinking in twice as many digits."""
    network = InContextNetwork.load().network.double()
    return InContextNetwork(
        SimpleNamespace(
            knowledge=lambda wells: network.knowledge(wells.double()),
            answers=lambda known, queries: network.answers(known, queries.double()),
        )
    )


@needs_node
class TestReader:
    """The network that reads a plate: JavaScript against Python, in 64-bit numbers and as it is used."""

    NETWORK = plate_reader.export()

    def cases(self):
        rng = np.random.default_rng(8)
        for n in (1, 4, 24, 96):
            x, queries = rng.uniform(0, 10, (n, 2)), rng.uniform(0, 20, (50, 2))
            x[0, 0] = queries[0] = 0  # an axis and the origin
            y = hill_family(x, **random_circuit(rng)) + rng.normal(0, 1, (n, 2))
            yield Pairs(x, y), queries
        yield Pairs(np.zeros((3, 2)), np.zeros((3, 2))), np.zeros((1, 2))  # nothing but zeros has no unit

    def test_quantiles_are_those_of_python(self):
        """To 1e-5 of the larger of a quantile and the plate's outputs, which is the unit the network thinks in."""
        exact = in_double_precision()
        told = []
        for wells, queries in self.cases():
            told.append({"what": "read", "network": self.NETWORK, "queries": queries.ravel().tolist()})
            told[-1] |= {"x": wells.x.ravel().tolist(), "y": wells.y.ravel().tolist()}
        for got, (wells, queries) in zip(javascript(told), self.cases(), strict=True):
            got = np.reshape(got, (len(queries), 2, len(LEVELS)))
            for network in (exact, InContextNetwork.load()):
                expected = network.quantiles([wells], queries)[0]
                unit = np.sqrt((wells.y**2).mean(axis=0))[:, None] + (wells.y == 0).all()
                assert np.max(np.abs(got - expected) / np.maximum(np.abs(expected), unit)) < 1e-5

    def test_the_wells_it_asks_for_are_those_of_python(self, monkeypatch):
        exact = in_double_precision()
        monkeypatch.setattr(reading, "_network", lambda _: exact)
        told, expected = [], []
        for high, replicates in ((10, 8), (20, 1)):
            for wells, _ in list(self.cases())[1:3]:
                open_to = Candidates(grid(0, high, 1).x, replicates)
                told.append({"what": "least_sure", "network": self.NETWORK, "n": 8, "replicates": replicates})
                told[-1] |= {"x": wells.x.ravel().tolist(), "y": wells.y.ravel().tolist()}
                told[-1] |= {"candidates": open_to.x.ravel().tolist()}
                expected.append(LeastSure().next_wells(wells, open_to, 8, 0).ravel())
        np.testing.assert_array_equal(javascript(told), expected)

    def test_the_weights_are_the_shipped_ones(self):
        (got,) = javascript([{"what": "halves", "weights": self.NETWORK["weights"]}])
        shipped = InContextNetwork.load().network.state_dict()
        sizes = dict(self.NETWORK["parts"])
        assert sizes == {name: part.numel() for name, part in shipped.items()}
        ends = np.cumsum(list(sizes.values()))[:-1]
        for (name, _), part in zip(sizes.items(), np.split(np.array(got, np.float32), ends), strict=True):
            np.testing.assert_array_equal(part, shipped[name].flatten().numpy(), err_msg=name)

    def test_what_travels_is_at_most_600_kilobytes(self):
        html = ReadAPlate()._repr_mimebundle_()[0]["text/html"]
        assert len(gzip.compress((html + _bundle.page_script("read_a_plate") + _bundle.styles()).encode(), 6)) < 600_000


class TestFigures:
    @pytest.mark.parametrize("name", _bundle.NAMES)
    def test_a_script_is_whole_by_itself(self, name):
        text = _bundle.module(name)
        assert "import {" not in text
        assert text.count("export ") == 1
        assert text.rstrip().endswith("export default { render };")
        assert "export" not in re.sub(r"/\*.*?\*/", "", _bundle.page_script(name), flags=re.DOTALL)
        functions = re.findall(r"^function (\w+)", text, re.MULTILINE)
        assert len(functions) == len(set(functions)), "two modules of one script have a function of the same name"

    def test_the_page_gets_the_values_that_python_holds(self):
        figure = TrainItYourself(wells=48, circuit="n = 3")
        html = figure._repr_mimebundle_()[0]["text/html"]
        (text,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
        values = json.loads(text)
        assert (values["wells"], values["circuit"], values["seed"]) == (48, "n = 3", 0)
        assert values["data"]["palette"] == PALETTE
        assert len(html) < 8_000

    def test_the_stored_network_knows_the_simulation(self):
        """It was pre-trained on simple activation, and is right about it to a fifth of a nanomolar."""
        network, record = pretrained.load()
        assert network.parameters.shape == (1, 492)
        x = sobol_inputs(BIG, 1024)
        assert np.abs(network.predict(x)[0] - simple_activation(x)).mean() < 0.2
        assert record["epochs"] == Protocol().pretraining_epochs

    def test_the_summary_holds_what_statistics_say(self):
        rng = np.random.default_rng(7)
        rows = [
            {"arm": arm, "target": "n = 2", "circuit": "n_part_complex", "n": 2.0, "noise": 1.0, "N": n, "seed": seed}
            | {f"sobol_{region}_mean": rng.lognormal() for region in Region}
            | {"parameter_hash": f"{arm}{n}{seed}"}
            for arm in ("transfer", "scratch")
            for n in (10, 100)
            for seed in range(6)
        ]
        table = pd.DataFrame(rows)
        groups = summarise(table, table)["groups"]
        expected = geometric_summary(table, "sobol_inside_mean", ["arm", "N"])
        for group, (_, row) in zip(groups, expected.iterrows(), strict=True):
            assert (group["arm"], group["N"]) == (row["arm"], row["N"])
            assert group["inside"]["value"] == pytest.approx(row["value"], rel=1e-3)
            assert len(group["inside"]["seeds"]) == 6


@needs_node
class TestPlateOnPage:
    """A pasted table is taken apart, and the process in the page is the one that the command uses."""

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_a_table_is_taken_apart_whatever_stands_between_its_cells(self, separator):
        decimal = "." if separator == "," else ","
        rows = [["well", "IPTG (µM)", "GFP"], ["A1", "0", "3.5"], ["A02", "2.5", "7"]]
        text = "\r\n".join(separator.join(cell.replace(".", decimal) for cell in row) for row in rows)
        (found,) = javascript([{"what": "table", "text": "\ufeff" + text}])
        assert found["names"] == rows[0]
        assert [row[1:] for row in found["numbers"]] == [[0, 3.5], [2.5, 7]]
        assert (found["well"], found["doses"], found["outputs"]) == (0, [1], [2])

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "A header and one line"),
            ("a b\n1 2", "no tab, semicolon or comma"),
            ("a,b\n1,2\n1,2,3", "Line 3 has 3 cells, and the header 2"),
            ("a,b\n" + "1,2\n" * 2000, "at most 1536 wells"),
        ],
    )
    def test_what_is_no_table_is_refused_in_a_sentence(self, text, sentence):
        (found,) = javascript([{"what": "table", "text": text}])
        assert sentence in found

    def test_the_process_is_that_of_scikit_learn(self):
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern

        rng = np.random.default_rng(3)
        points, asked = rng.uniform(0, 8, (25, 2)), rng.uniform(-1, 10, (30, 2))
        means, variances = rng.normal(size=25), rng.uniform(0.01, 0.3, 25)
        case = {"what": "process", "points": points.tolist(), "means": means.tolist(), "variances": variances.tolist()}
        case |= {"parameters": {"amplitude": 1.3, "lengths": [2.0, 3.5], "level": 0.2}, "asked": asked.tolist()}
        (found,) = javascript([case])
        kernel = ConstantKernel(1.3**2, "fixed") * Matern([2.0, 3.5], "fixed", nu=2.5)
        expected = GaussianProcessRegressor(kernel, alpha=variances, optimizer=None).fit(points, means - 0.2)
        mean, sd = expected.predict(asked, return_std=True)
        np.testing.assert_allclose(found["answers"], np.stack([mean + 0.2, sd], axis=1), atol=1e-6)
        constant = len(points) / 2 * np.log(2 * np.pi)
        assert found["evidence"] == pytest.approx(expected.log_marginal_likelihood_value_ + constant, abs=1e-6)

    def test_intervals_hold_the_truth_of_a_plate_with_replicates(self):
        rng = np.random.default_rng(4)
        doses = np.array([0, 0.5, 1, 2, 4, 8, 16, 32, 64.0])
        x = np.repeat(doses, 4)

        def truth(dose):
            return 40 * dose**2 / (36 + dose**2)

        asked = np.geomspace(0.5, 64, 40)
        case = {"what": "plate", "x": x[:, None].tolist(), "y": (truth(x) + rng.normal(size=36)).tolist()}
        (found,) = javascript([case | {"asked": asked[:, None].tolist()}])
        assert found["counts"] == [4] * 9
        assert found["sd"] == pytest.approx(1, abs=0.4)
        mean, sd = np.array(found["answers"]).T
        assert np.mean(np.abs(mean - truth(asked)) < 1.96 * sd) > 0.8
        assert np.sqrt(np.mean((mean - truth(asked)) ** 2)) < 2
