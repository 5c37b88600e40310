"""What makes a stored number stale: resolved values, the code behind them, and libraries, never order or layout."""

import ast
import sys
from dataclasses import make_dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.running import identity
from fewerwells.running.chapters import chapter_code
from fewerwells.running.identity import cell_key, code, digest, plain, pretraining_key, row_hashes, statements
from fewerwells.running.reading_order import chapters, project_root
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.learners import FittedEquation
from fewerwells.study import protocol
from fewerwells.study.many_circuits import MANY_CIRCUITS
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, Cell, Protocol
from fewerwells.study.trials import run_cell

TARGET = reference_circuit("n_part_complex", 2.0)
SWITCH = reference_circuit("goldbeter_koshland")  # there is a network that has never seen it
SMALL_STUDY = Protocol(epochs=10, synthetic_volume=60, oracle_volume=40, sizes=(2, 4, 2), batch_size=16)
OTHER = {
    "epochs": 20,
    "pretraining_share": 0.5,
    "synthetic_volume": 90,
    "oracle_volume": 50,
    "noise": 2.0,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "loss": "l2",
    "sizes": (2, 5, 2),
    "input_range": (-20.0, 20.0),
    "output_scale": 20.0,
    "source": replace(SIMPLE_MODEL, theta=(0.1, 0.4)),
}


@pytest.mark.parametrize("arm", ["scratch", "fit, n = 1"])
def test_a_row_s_hash_is_the_digest_of_its_settings_with_its_seed(arm):
    cell = Cell(arm, TARGET, 20)
    fixed = identity.settings(cell, SMALL_STUDY)
    seeds = [0, 7, 2**40]
    assert row_hashes(cell, SMALL_STUDY, seeds) == (digest(fixed), [digest(fixed | {"seed": seed}) for seed in seeds])


def row_hash(arm, protocol, wells=20, seed=0):
    return row_hashes(Cell(arm, TARGET, wells), protocol, [seed])[1]


def test_digest_depends_on_content_not_on_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_only_what_code_does_makes_runs_stale():
    source = 'def f(x):\n    """Add."""\n    return x + 1\n'
    assert statements(source) == statements('def f( x ):  # adds\n    """Add one."""\n\n    return (x + 1)')
    assert statements(source) != statements(source.replace("1", "2"))


USES_STATS = "from scipy.stats import norm\n\ndef f(x):\n    return norm.cdf(x)\n"


@pytest.mark.parametrize(
    "same",
    [
        "import scipy\n\ndef f(x):\n    return scipy.stats.norm.cdf(x)\n",
        "import scipy.stats as st\n\ndef f(x):\n    return st.norm.cdf(x)\n",
        "from scipy.stats import norm as normal\n\ndef f(x):\n    return normal.cdf(x)\n",
        "def f(x):\n    from scipy.stats import norm\n\n    return norm.cdf(x)\n",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import B\n\n{USES_STATS}",
    ],
)
def test_how_an_import_is_spelt_makes_nothing_stale(same):
    assert statements(same) == statements(USES_STATS)


@pytest.mark.parametrize(
    "other",
    [
        "from scipy.special import norm\n\ndef f(x):\n    return norm.cdf(x)\n",
        "from scipy.stats import norm\n\ndef f(x):\n    return norm.sf(x)\n",
        "from scipy.stats import t as norm\n\ndef f(x):\n    return norm.cdf(x)\n",
        # the name is bound again, in each of the ways that there are
        "from scipy.stats import norm\n\ndef f(norm):\n    return norm.cdf(x)\n",
        "from scipy.stats import norm\n\ndef f(x):\n    norm = x\n    return norm.cdf(x)\n",
        "from scipy.stats import norm\nfrom a import norm\n\ndef f(x):\n    return norm.cdf(x)\n",
        "from scipy.stats import norm\n\nclass norm: ...\n\ndef f(x):\n    return norm.cdf(x)\n",
        "from scipy.stats import norm\n\ndef f(x):\n    return [norm.cdf(x) for norm in x]\n",
        "def f(x):\n    return norm.cdf(x)\n",
    ],
)
def test_what_an_import_brings_counts_however_it_is_called(other):
    assert statements(other) != statements(USES_STATS)


@given(st.sampled_from(["norm", "x", "scipy"]), st.sampled_from(["norm", "x", "scipy"]))
def test_what_is_bound_otherwise_is_never_taken_for_what_was_imported(name, used):
    """Whoever writes `scipy.stats.norm` in full means the library, whatever else is called so in another source."""
    hidden = f"from scipy.stats import {name}\n\ndef f():\n    {name} = 1\n    return {used}\n"
    in_full = f"import scipy\n\ndef f():\n    {name} = 1\n    return scipy.stats.{used}\n"
    assert statements(hidden) != statements(in_full)


def test_every_python_reads_the_same_code_alike():
    """The published rows are from Python 3.11: what its `ast.dump` says of this, every later one's code must be called."""
    source = (
        'def f(x, *, y=[]):\n    """Said."""\n    return f"{x:>{y}} and {{}}" if x else lambda: None\n\nclass A: pass\n'
    )
    assert statements(source) == (
        "Module(body=[FunctionDef(name='f', args=arguments(posonlyargs=[], args=[arg(arg='x')], kwonlyargs=[arg(arg='y')], "
        "kw_defaults=[List(elts=[], ctx=Load())], defaults=[]), body=[Return(value=IfExp(test=Name(id='x', ctx=Load()), "
        "body=JoinedStr(values=[FormattedValue(value=Name(id='x', ctx=Load()), conversion=-1, format_spec=JoinedStr(values="
        "[Constant(value='>'), FormattedValue(value=Name(id='y', ctx=Load()), conversion=-1)])), Constant(value=' and {}')"
        "]), orelse=Lambda(args=arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]), "
        "body=Constant(value=None))))], decorator_list=[]), ClassDef(name='A', bases=[], keywords=[], body=[Pass()], "
        "decorator_list=[])], type_ignores=[])"
    )


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on ast.dump says it otherwise")
def test_code_is_written_down_as_python_3_11_does():
    for path in sorted((project_root() / "src").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        assert identity._dump(tree) == ast.dump(tree), path


@pytest.mark.parametrize("name", [".DS_Store", ".noise.py.swp", "noise.py~", "noise.py.orig", "#noise.py#"])
def test_what_editors_and_file_managers_leave_beside_the_code_is_no_part_of_it(tmp_path, monkeypatch, name):
    package = tmp_path / "fewerwells" / "strangers"  # a folder of the same name above it is no part of it, either
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "noise.py").write_text("A = 1\n")
    (package / "table.csv").write_text("1\n")
    monkeypatch.syspath_prepend(tmp_path / "fewerwells")

    def digests():
        for cache in (identity._module, identity._file, identity._root):
            cache.cache_clear()
        return code(["strangers.noise"])

    before = digests()
    (package / name).write_text("x")
    (tmp_path / "fewerwells" / "README.md").write_text("x")
    assert digests() == before
    (package / "table.csv").write_text("2\n")
    assert digests() != before


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_what_is_installed_for_the_user_or_the_system_is_not_our_code(tmp_path, monkeypatch, folder):
    (tmp_path / "lib" / folder).mkdir(parents=True)
    (tmp_path / "lib" / folder / "somebodys.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path / "lib" / folder)
    identity._root.cache_clear()
    identity._file.cache_clear()
    assert code(["somebodys"]) == {}


def test_what_one_function_imports_is_not_what_another_has_of_python():
    own = "def f(x):\n    from math import pow\n    return pow(x, 2)\n\ndef g(x):\n    return {}\n"
    assert statements(own.format("pow(x, 2)")) != statements("import math\n" + own.format("math.pow(x, 2)"))


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("field", OTHER)
def test_who_shares_an_identity_does_the_same_work_on_the_same_data(arm, field):
    """Over all arms and everything that a protocol can change: equal names, equal results; no wasted difference."""
    changed = replace(SMALL_STUDY, **{field: OTHER[field]})
    cell = Cell(arm, TARGET, 20)
    same = row_hash(arm, SMALL_STUDY) == row_hash(arm, changed)
    before, after = (
        (cell.learner(p), cell.sample_steps(p), [(w.x.tobytes(), w.y.tobytes()) for w in cell.measured(p, [0])])
        for p in (SMALL_STUDY, changed)
    )
    assert same == (before == after)


@pytest.mark.parametrize("arm", ["scratch", "zero-shot", "fit, n = 1", "step-matched scratch"])
def test_equal_identities_give_equal_results_however_the_settings_were_written(arm):
    for field, value in OTHER.items():
        changed = replace(SMALL_STUDY, **{field: value})
        if row_hash(arm, SMALL_STUDY) == row_hash(arm, changed):
            x = np.array([[1.0, 2.0], [15.0, 3.0]])
            one, other = (run_cell(Cell(arm, TARGET, 20), p, [0]).predict(x) for p in (SMALL_STUDY, changed))
            np.testing.assert_array_equal(one, other)


@given(
    arms=st.tuples(st.sampled_from(list(ARMS)), st.sampled_from(list(ARMS))),
    wells=st.tuples(st.integers(4, 200), st.integers(4, 200)),
    seeds=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
@settings(max_examples=200)
def test_rows_that_differ_in_arm_wells_or_seed_are_never_one(arms, wells, seeds):
    (one, of_one), (other, of_other) = (
        row_hashes(Cell(arm, TARGET, n), Protocol(), [seed]) for arm, n, seed in zip(arms, wells, seeds, strict=True)
    )
    given_wells = [Cell(arm, TARGET, n).volume(Protocol()) for arm, n in zip(arms, wells, strict=True)]
    assert (one == other) == (arms[0] == arms[1] and given_wells[0] == given_wells[1])
    assert (of_one == of_other) == (one == other and seeds[0] == seeds[1])


def test_step_matched_scratch_is_known_by_the_steps_that_it_takes():
    """With 40,000 and with 5,000 synthetic pairs it trains for different times: the fault that this module ended."""
    few, many = Protocol(synthetic_volume=5000), Protocol()
    steps = [Cell("step-matched scratch", TARGET, 96).sample_steps(p) for p in (few, many)]
    assert steps[0] < steps[1]
    assert row_hash("step-matched scratch", few, 96) != row_hash("step-matched scratch", many, 96)


def test_a_new_field_at_its_default_changes_no_identity():
    old = make_dataclass("Way", ["form"], frozen=True)
    new = make_dataclass("Way", ["form", ("extra", int, 3)], frozen=True)
    assert plain(old("simple")) == plain(new("simple")) != plain(new("simple", 4))


def test_what_has_no_name_is_refused():
    with pytest.raises(TypeError, match="has no name to know it by again"):
        plain(lambda x: x)


class TestCode:
    def test_a_learner_brings_its_own_modules_and_no_others(self):
        fit = code(identity.modules_of(FittedEquation("simple")))
        assert {"fewerwells.science.fitting", "fewerwells.science.circuits", "scipy", "numpy"} <= set(fit)
        assert not {"fewerwells.science.gaussian_processes", "fewerwells.cli", "torch", "scikit-learn"} & set(fit)
        assert not any(name.startswith(("fewerwells.running", "fewerwells.book", "fewerwells.study")) for name in fit)

    @pytest.mark.parametrize(
        ("library", "arm", "stale"),
        [
            ("scipy", "fit, n = 1", True),
            ("scikit-learn", "Gaussian process", True),
            ("numba", "scratch", True),
            ("torch", "scratch", False),
            ("scikit-learn", "fit, n = 1", False),
        ],
    )
    def test_a_library_makes_stale_what_it_decides(self, library, arm, stale, monkeypatch):
        monkeypatch.setattr(identity, "_engine_code", identity._engine_code.__wrapped__)
        key = cell_key(Cell(arm, TARGET, 10), SMALL_STUDY, [0], "fused")
        real = identity.version
        monkeypatch.setattr(identity, "version", lambda name: "99" if name == library else real(name))
        assert (cell_key(Cell(arm, TARGET, 10), SMALL_STUDY, [0], "fused") != key) == stale

    @pytest.mark.parametrize("arm", MANY_CIRCUITS)
    def test_new_weights_of_the_network_that_reads_plates_make_no_other_arm_stale(self, arm, monkeypatch):
        """The wide library's rows used to hang on them: what counts its intervals imported all learners."""
        monkeypatch.setattr(protocol, "ARMS", ARMS | MANY_CIRCUITS)
        looked_at = set()
        monkeypatch.setattr(identity, "_engine_code", lambda roots, engine: looked_at.update(code(roots)) or "")
        identity.cell_code(Cell(arm, SWITCH, 10), SMALL_STUDY, "fused")
        reads = any("in_context" in module for module in looked_at)
        assert reads == arm.startswith("in-context network")

    def test_each_engine_has_its_own_code(self):
        learner = SMALL_STUDY.network(SMALL_STUDY.pretraining())
        assert pretraining_key(learner, "fused") != pretraining_key(learner, "reference")

    @pytest.mark.parametrize("chapter", chapters(project_root()).values(), ids=lambda path: path.stem)
    def test_no_chapter_depends_on_the_command_or_the_course(self, chapter, monkeypatch):
        seen = set()
        real = identity._module

        def watched(name):
            seen.add(name)
            return real(name)

        monkeypatch.setattr(identity, "_module", watched)
        chapter_code(chapter)
        assert seen
        assert not [name for name in seen if name == "fewerwells.cli" or name.startswith("fewerwells.course")]

    def test_a_learner_from_outside_the_package_is_known_by_its_own_code(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        file = tmp_path / "stranger.py"
        file.write_text("import scipy\nLEVEL = 1\n")
        before = code(["stranger"])
        assert set(before) == {"stranger", "scipy"}
        identity._module.cache_clear()
        file.write_text("import scipy\nLEVEL = 2\n")
        assert code(["stranger"])["stranger"] != before["stranger"]
