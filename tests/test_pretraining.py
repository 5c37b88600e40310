"""`fewerwells pretrain in-context`: the same weights every time, whatever happened on the way."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from fewerwells.cli import app
from fewerwells.running import pretraining
from fewerwells.running.pretraining import PretrainingError, pretrain
from fewerwells.science.in_context.reader import InContextNetwork
from fewerwells.science.in_context.training import Batches, Settings, Training
from fewerwells.science.in_context.validation import validate

TINY = Settings(steps=8, width=8, heads=2, reading=1, answering=1)

KILLED = """
import sys
from pathlib import Path
from fewerwells.running.pretraining import pretrain
from fewerwells.science.in_context.training import Settings
pretrain(Settings(steps=10_000, width=8, heads=2, reading=1, answering=1), Path(sys.argv[1]), between_checkpoints=0.2)
"""


pytestmark = pytest.mark.usefixtures("one_thread")


def advance(training, steps):
    batches = Batches(training.settings)
    for _ in range(steps):
        training.advance(batches[training.step])


def weights(folder, settings=TINY, **options):
    pretrain(settings, folder / "weights.safetensors", **options)
    return (folder / "weights.safetensors").read_bytes()


def begun(steps):
    """A training that stopped after some steps, counted as `pretrain` counts."""
    training = Training(TINY)
    torch.set_flush_denormal(True)
    advance(training, steps)
    torch.set_flush_denormal(False)
    return training


OF_A_GPU = {"lr": torch.tensor(1e9), "fused": True, "capturable": True}


def of_device(training):
    """What a training's optimisers are told of the device."""
    groups = [group for optimiser in training._optimisers for group in optimiser.param_groups]
    return [{name: group[name] for name in OF_A_GPU if name in group} for group in groups]


def gone_on(folder, training):
    """The weights of a training that goes on from what another has left behind."""
    folder.mkdir()
    pretraining._save(folder / "weights.checkpoint", training, [], 1.0)
    return weights(folder)


def test_the_same_settings_give_the_same_weights_and_others_do_not(tmp_path):
    first = weights(tmp_path / "a")
    torch.manual_seed(12345)  # another state of torch's own random numbers
    assert weights(tmp_path / "b") == first
    assert weights(tmp_path / "c", replace(TINY, seed=1)) != first
    assert weights(tmp_path / "d", replace(TINY, without=("goldbeter_koshland",))) != first


def test_plates_drawn_ahead_by_another_process_are_the_same(tmp_path):
    assert weights(tmp_path / "a", drawing=1) == weights(tmp_path / "b")


def test_stopped_at_any_step_it_ends_with_the_same_weights(tmp_path):
    training = Training(TINY)
    advance(training, TINY.steps)
    undisturbed = [part.detach().clone() for part in training.network.parameters()]
    first = Training(TINY)
    advance(first, 3)
    torch.save(first.state(), tmp_path / "state")
    second = Training(TINY)
    second.resume(torch.load(tmp_path / "state", weights_only=True))
    advance(second, TINY.steps - 3)
    assert all(torch.equal(a, b) for a, b in zip(second.network.parameters(), undisturbed, strict=True))


def test_what_a_gpu_began_ends_without_one_with_the_same_weights_and_its_record_says_so(tmp_path):
    """A GPU's optimisers hold the rate as a tensor and options of their own, which stay with it."""
    undisturbed = weights(tmp_path / "a")
    first = begun(3)
    first.devices = ["cuda"]
    for optimiser in first._optimisers:
        for group in optimiser.param_groups:
            group |= {name: value for name, value in OF_A_GPU.items() if name in group}
    second = Training(TINY)
    own = of_device(second)
    loaded = []
    for optimiser in second._optimisers:
        optimiser.register_load_state_dict_pre_hook(lambda _, state: loaded.extend(state["param_groups"]))
    second.resume(first.state())
    assert of_device(second) == own != of_device(first)
    # By these PyTorch decides where its counts go: a GPU that was given them afterwards read the processor's memory.
    assert [{name: group[name] for name in OF_A_GPU if name in group} for group in loaded] == own
    assert gone_on(tmp_path / "b", first) == undisturbed
    assert json.loads((tmp_path / "b" / "weights.json").read_text())["device"] == "cuda, then cpu"
    assert json.loads((tmp_path / "a" / "weights.json").read_text())["device"] == "cpu"


def test_where_weights_are_only_written_is_not_where_they_were_trained(tmp_path):
    training = begun(TINY.steps)
    training.devices = ["cuda"]
    gone_on(tmp_path / "a", training)
    assert json.loads((tmp_path / "a" / "weights.json").read_text())["device"] == "cuda"


def test_a_kill_loses_only_what_came_after_the_last_checkpoint(tmp_path):
    output = tmp_path / "weights.safetensors"
    checkpoint = tmp_path / "weights.checkpoint"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", KILLED, str(output)], stdout=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + 120
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not output.exists()
    state = torch.load(checkpoint, weights_only=True)
    assert 0 < state["step"] < 10_000
    # a training of that many steps in one go has not the same learning rates, so its plan has to be the same
    undisturbed = Training(Settings(steps=10_000, width=8, heads=2, reading=1, answering=1))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    advance(undisturbed, state["step"])
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    assert all(torch.equal(part, state["network"][name]) for name, part in undisturbed.network.state_dict().items())


def test_a_finished_training_goes_on_from_its_checkpoint_and_removes_it(tmp_path):
    undisturbed = weights(tmp_path / "a")
    assert gone_on(tmp_path / "b", begun(4)) == undisturbed
    assert not (tmp_path / "b" / "weights.checkpoint").exists()


def test_the_record_says_what_made_the_weights(tmp_path):
    settings = replace(TINY, without=("goldbeter_koshland", "input_depletion"))
    lines = []
    weights(tmp_path, settings, say=lines.append)
    record = json.loads((tmp_path / "weights.json").read_text())
    assert record["command"] == (
        "fewerwells pretrain in-context --steps 8 --seed 0 --without goldbeter_koshland --without input_depletion"
    )
    assert record["validation"][-1]["step"] == record["step"] == 8
    assert len(lines) == len(record["validation"])
    network = InContextNetwork.load(tmp_path / "weights.safetensors")
    assert network.without == settings.without


def test_training_lowers_the_validation_loss():
    training = Training(replace(TINY, steps=60, width=16, rate=0.1))
    before = validate(training.network, n_plates=32)
    advance(training, 60)
    after = validate(training.network, n_plates=32)
    assert after["pinball"] < 0.7 * before["pinball"]


def test_validation_is_always_the_same():
    network = Training(TINY).network
    assert validate(network, n_plates=8) == validate(network, n_plates=8)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    pretraining._save(tmp_path / "weights.checkpoint", Training(TINY), [], 0.0)
    with pytest.raises(PretrainingError, match="belongs to a training with seed = 0"):
        weights(tmp_path, replace(TINY, seed=1))
    (tmp_path / "weights.checkpoint").write_bytes(b"half of it")
    with pytest.raises(PretrainingError, match="not a whole checkpoint"):
        weights(tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--without", "repressilator"], "no circuit 'repressilator'"),
        (["--steps", "0"], "steps is 0"),
        (["--seed", "-1"], "the seed is -1"),
        (["--seed", str(2**64)], f"the seed is {2**64}; it must be at most {2**64 - 1}"),
        (["--output", "weights.pt"], "must end in .safetensors"),
    ],
)
def test_the_command_refuses_in_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["pretrain", "in-context", *arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ("weights.safetensors", "which is not a network with its record beside it"),
        ("weights.json", "weights.json lies there, which is not the record of a network"),
    ],
)
def test_nothing_is_overwritten_but_earlier_weights(tmp_path, there, sentence):
    (tmp_path / there).write_text("{}")
    with pytest.raises(PretrainingError, match=sentence):
        weights(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]


def test_the_command_trains(tmp_path):
    output = tmp_path / "weights.safetensors"
    result = CliRunner().invoke(app, ["pretrain", "in-context", "--steps", "1", "--output", str(output)])
    assert result.exit_code == 0, result.stderr
    assert InContextNetwork.load(output).without == ()
