"""What a reader may set: profiles fill in, mistakes are refused in one plain sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.running.parameters import (
    CHAPTER_PARAMETERS,
    PROFILES,
    Experiment1,
    Experiment2,
    ParameterError,
    RandomSystems,
    WinnerMap,
    read_parameters,
    validate,
)
from fewerwells.science.circuits import CIRCUITS, outside_family, reference_circuit


def test_paper_is_the_study_at_full_size():
    one, two = Experiment1(), Experiment2()
    assert (one.n_seeds, one.epochs, one.synthetic_volume, one.oracle_volume) == (50, 2000, 40_000, 20_000)
    assert one.volumes[0] == 10
    assert one.volumes[-1] == 20_000
    assert two.volume == 1000
    assert [target.label for target in two.targets][-1] == "phosphorylation cycle"
    assert len(one.designs[0].cells) == 2 * len(one.volumes) + 1
    assert len(two.designs[0].cells) == 3 * 6


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_fills_in_what_is_none_and_leaves_what_is_given(profile):
    filled = validate({"profile": profile, "n_seeds": 7, "epochs": None}, Experiment1)
    assert filled.n_seeds == 7
    assert filled.epochs == PROFILES[profile]["epochs"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"n_seeds": -3}, "n_seeds is -3; it must be greater than or equal to 1"),
        ({"n_seeds": 2.5}, "n_seeds is 2.5"),
        ({"n_seeds": "5"}, "n_seeds is '5'; it must be a valid integer"),
        ({"n_seeds": True}, "n_seeds is True"),
        ({"hill_coefficient": 0}, "hill_coefficient is 0; it must be greater than 0"),
        ({"hill_coefficient": float("nan")}, "hill_coefficient is nan"),
        ({"circuit": "glow"}, "circuit is 'glow'; it must be .*phosphorylation_cycle"),
        (
            {"circuit": "input_depletion", "hill_coefficient": 3.0},
            r"hill_coefficient is 3 and circuit is input_depletion, which is solved for 1 and 2 only\.$",
        ),
        ({"volumes": [10, 10]}, "must increase"),
        ({"volumes": [50, 10]}, r"volumes is \[50, 10\]"),
        ({"volumes": [-5, 10]}, r"volumes\[0\] is -5"),
        ({"volumes": []}, "at least one"),
        ({"volumes": 10}, "volumes is 10"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"noise": float("inf")}, "noise is inf"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"loss": "l7"}, 'loss is \'l7\'; it must be "l1" or "l2"'),
        ({"profile": "huge"}, "profile is 'huge'"),
        ({"hil_coefficient": 2.0}, "no parameter hil_coefficient; did you mean hill_coefficient"),
        ({"engine": None}, "engine is None"),
        ({"epochs": 3}, "epochs is 3"),
    ],
)
def test_mistakes_are_named_with_their_value(bad, words):
    with pytest.raises(ParameterError, match=words):
        validate(bad, Experiment1)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ParameterError) as refused:
        validate({"n_seeds": 0, "noise": -1.0, "nois": 2}, Experiment1)
    assert all(word in str(refused.value) for word in ("n_seeds is 0", "noise is -1.0", "nois;"))


# What a chapter would trip over after it has trained, so it must be refused before.
REFUSED_EARLY = [
    ("08_why_it_works", {"arm_volumes": [20, 20]}, r"arm_volumes is \[20, 20\]; each value may stand there once"),
    ("07_who_else", {"map_volumes": [10, 10]}, "map_volumes is .* once"),
    ("07_who_else", {"map_noises": [1, 1.0]}, "map_noises is .* once"),
    ("07_who_else", {"map_circuits": ["mixed_complex"] * 2}, "map_circuits is .* once"),
    ("07_who_else", {"map_seeds": 3}, "map_seeds is 3; it must be greater than or equal to 4"),
    ("07_who_else", {"synthetic_volume": 1}, "synthetic_volume is 1; it must be greater than or equal to 2"),
    ("08_why_it_works", {"synthetic_volume": 1}, "synthetic_volume is 1"),
    *(
        (chapter, {name: 2**32}, f"{name} is 4294967296; it must be less than or equal to 4294967295")
        for chapter, name in (("02_problem", "seed"), ("03_experiment_1", "first_seed"), ("07_who_else", "first_seed"))
    ),
    ("09_sweeps", {"sweep_synthetic_volume": 1}, "sweep_synthetic_volume is 1"),
    ("09_sweeps", {"sweep_volumes": [10, 10]}, r"sweep_volumes is \[10, 10\]; its values must increase"),
    ("09_sweeps", {"sweep_volumes": [20, 10]}, "must increase"),
    (
        "13_which_wells",
        {"proportional_noises": [0.3, 0.0]},
        r"proportional_noises\[1\] is 0.0; it must be greater than 0",
    ),
    ("01_biology", {"hill_coefficients": [1.0, 1.0]}, "must increase"),
    ("01_biology", {"hill_coefficients": [1.0 + i for i in range(7)]}, "it must be a list with at most 6 values"),
    *(
        ("09_sweeps", {name: [value, value]}, f"{name} is .* once")
        for name, value in (
            ("sweep_hill_coefficients", 2.0),
            ("sweep_noises", 1.0),
            ("sweep_batch_sizes", 64),
            ("sweep_learning_rates", 1e-3),
            ("sweep_losses", "l1"),
            ("sweep_input_scalings", "unit"),
            ("sweep_mismatches", 0.3),
        )
    ),
]


@pytest.mark.parametrize(("chapter", "bad", "words"), REFUSED_EARLY)
def test_what_a_chapter_cannot_use_is_refused_before_it_trains(chapter, bad, words):
    with pytest.raises(ParameterError, match=words):
        validate(bad, CHAPTER_PARAMETERS[chapter])


@pytest.mark.parametrize("model", dict.fromkeys(CHAPTER_PARAMETERS.values()))
def test_no_list_of_a_chapter_takes_a_value_twice(model):
    """Lists that are added later, too."""
    defaults = model(profile="smoke").model_dump()
    for name, value in defaults.items():
        if isinstance(value, list) and value:
            with pytest.raises(ParameterError, match=f"^{name} is"):
                validate({"profile": "smoke", name: [*value, value[0]]}, model)


class TestTableFile:
    """A user's name for the table: what lies there and is no table stays, and so does what lies beside it."""

    def refuse(self, path, words):
        with pytest.raises(ParameterError, match=words):
            validate({"table_file": str(path)}, Experiment1)

    def test_a_new_name_and_an_earlier_table_are_taken(self, tmp_path):
        path = tmp_path / "new" / "mine.csv"
        assert validate({"table_file": str(path)}, Experiment1).table_file == str(path)
        path.parent.mkdir()
        path.write_text("a,b\n")
        path.with_suffix(".json").write_text('{"sha256": "0", "rows": 1}')
        assert validate({"table_file": str(path)}, Experiment1).table_file == str(path)

    @pytest.mark.parametrize(
        "name", ["mine.json", "mine", ".", "..", "mine.csv/", "new.csv/", "new.csv/.", ".csv", "x\0.csv"]
    )
    def test_a_name_that_is_no_csv_file_is_refused(self, tmp_path, name):
        (tmp_path / "mine.csv").mkdir()
        self.refuse(f"{tmp_path}/{name}", r"table_file is .*; (its name must end in \.csv|there is a folder)")

    def test_other_peoples_files_are_not_overwritten(self, tmp_path):
        (tmp_path / "x.json").write_text('{"mine": 1}')
        self.refuse(tmp_path / "x.csv", "x.json lies there, which is not the record of a table")
        (tmp_path / "y.csv").write_text("name,mark\n")
        self.refuse(tmp_path / "y.csv", "there is a file of that name, which is not a table")
        self.refuse(tmp_path / "x.json" / "z.csv", "x.json is not a folder")


def test_experiment_2_needs_a_target_and_no_target_twice():
    with pytest.raises(ParameterError, match="at least one target"):
        validate({"hill_coefficients": [], "phosphorylation": False}, Experiment2)
    with pytest.raises(ParameterError, match="once"):
        validate({"hill_coefficients": [2.0, 2.0]}, Experiment2)
    assert len(validate({"hill_coefficients": []}, Experiment2).targets) == 1
    with pytest.raises(ParameterError, match=r"outside_family is .*once"):
        validate({"outside_family": ["mixed_complex", "mixed_complex"]}, Experiment2)


def test_experiment_2_goes_outside_the_family_when_asked_to():
    only = {"hill_coefficients": [], "phosphorylation": False, "outside_family": outside_family()}
    assert [target.name for target in validate(only, Experiment2).targets] == outside_family()
    all_targets = validate({"outside_family": ["goldbeter_koshland"]}, Experiment2).targets
    assert [target.label for target in all_targets][-2:] == ["phosphorylation cycle", "Goldbeter–Koshland"]
    for wrong, words in (
        (["n_part_complex"], r"outside_family\[0\] is 'n_part_complex'; it must be .*input_depletion"),
        ("mixed_complex", "outside_family is 'mixed_complex'; it must be a valid list"),
    ):
        with pytest.raises(ParameterError, match=words):
            validate({"outside_family": wrong}, Experiment2)


@pytest.mark.parametrize("name", CIRCUITS)
def test_experiment_1_takes_a_hill_coefficient_where_the_circuit_has_one_and_refuses_it_elsewhere(name):
    values = {"circuit": name, "hill_coefficient": 1.0}
    if "n" in CIRCUITS[name].reference:
        assert validate(values, Experiment1).target == reference_circuit(name, 1.0)
    else:
        with pytest.raises(ParameterError, match=f"is 1 and circuit is {name}, which has none; leave it at 2"):
            validate(values, Experiment1)
    assert validate({"circuit": name}, Experiment1).target == reference_circuit(name)


def test_a_notebooks_namespace_is_read_and_strangers_are_refused():
    import math

    namespace = {"profile": "smoke", "n_seeds": 3, "_i1": "code", "In": [""], "Out": {}, "math": math, "f": len}
    assert read_parameters(namespace, Experiment1).n_seeds == 3
    with pytest.raises(ParameterError, match="no parameter bogus"):
        read_parameters(namespace | {"bogus": 1}, Experiment1)


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.floats()))


@pytest.mark.parametrize("model", dict.fromkeys(CHAPTER_PARAMETERS.values()))
@given(data=st.data())
@settings(max_examples=60)
def test_any_values_are_accepted_or_refused_in_words(model, data):
    """Whatever is thrown at a model, the answer is a valid object or a ParameterError, never another exception."""
    names = st.sampled_from([*model.model_fields, "stranger"])
    values = data.draw(st.dictionaries(names, anything, max_size=4))
    sentence = ""
    try:
        validate(values, model)
    except ParameterError as refused:
        sentence = str(refused)
    assert sentence == "" or sentence.endswith((".", "?"))


@pytest.mark.parametrize("model", [WinnerMap, RandomSystems])
def test_a_table_with_seeds_of_its_own_refuses_the_number_that_others_use(model):
    with pytest.raises(ParameterError, match="there is no parameter n_seeds"):
        validate({"n_seeds": 3}, model)
