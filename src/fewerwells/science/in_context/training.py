"""Weights from nothing: plates drawn from the prior, one batch a step, and the same weights for the same settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from fewerwells.science.in_context.batches import as_tensors
from fewerwells.science.in_context.features import LEVELS
from fewerwells.science.in_context.network import PlateNetwork, pinball
from fewerwells.science.in_context.optimiser import Muon
from fewerwells.science.prior import Plates, draw_plates, structures_without
from fewerwells.science.prior.plates import FEWEST_WELLS, MOST_WELLS

LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
TYPICAL_WELLS = 96  # a plate; a share of the batches has just that many
SHARE_TYPICAL = 0.3
# What the others have: a GPU records a step anew for each number, which takes as long as some thirty steps.
SIZES = np.unique(np.geomspace(FEWEST_WELLS, MOST_WELLS, 25).round().astype(int))
QUERIES = 40  # on each plate
SHARE_TOLD = 0.3  # of the plates whose noise level is told
WARM_UP = 500  # steps in which the learning rate rises
DECAY = 0.01  # of weights, per unit of learning rate
_OF_DEVICE = {"lr", "fused", "capturable"}  # what an optimiser is told of the device, not of the training
UNRECORDED = 3  # first steps on a GPU, in which its libraries settle
SHARPEST = 0.03  # spread, in units of a plate's outputs, below which plates count alike


@dataclass(frozen=True)
class Settings:
    """What decides the weights.

    Attributes:
        steps: batches in all; the learning rate falls to 0 over them.
        without: circuits that no plate comes from, nor from any mechanism that contains them.
        seed: of the initial weights and of all plates.
        rate: largest learning rate.
        batch: wells in a batch, about, over all of its plates.
        width, heads, reading, answering: shape of the network, see `PlateNetwork`.
    """

    steps: int = 20_000
    without: tuple[str, ...] = ()
    seed: int = 0
    rate: float = 2e-3
    batch: int = 2400
    width: int = 64
    heads: int = 4
    reading: int = 5
    answering: int = 3

    def __post_init__(self):
        for name in ("steps", "batch", "width", "heads", "reading", "answering"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.seed < 0:
            raise ValueError(f"the seed is {self.seed}; it must be 0 or larger.")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"the learning rate is {self.rate}; it must be positive.")
        structures_without(self.without)


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # features of wells and queries, and the bent truths


class Batches(Dataset):
    """The batches of a training, by the number of their step.

    The plates of a step depend on the seed and on the step's number alone, so nothing of the random streams has to be
    kept to go on after a kill, and batches can be drawn ahead by other processes.

    Args:
        settings: of the training.
    """

    def __init__(self, settings: Settings):
        self.settings = settings

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> Batch:
        """The batch of a step; see `as_tensors`."""
        rng = np.random.default_rng([self.settings.seed, step])
        n = TYPICAL_WELLS if rng.random() < SHARE_TYPICAL else int(rng.choice(SIZES))
        p = max(4, round(self.settings.batch / (n + QUERIES / 2)))
        return as_tensors(self.draw(p, n, rng), rng.random(p) < SHARE_TOLD)

    def draw(self, p: int, n: int, rng: np.random.Generator) -> Plates:
        """P plates of n wells."""
        return draw_plates(p, n, QUERIES, rng, self.settings.without)


class _Recorded:
    """A step on plates of one size as a GPU repeats it by itself.

    A step is hundreds of small pieces of work, and to start them one by one takes longer than to do them.
    """

    def __init__(self, learn: Callable[..., torch.Tensor], batch: Batch, stream: torch.cuda.Stream, pool: tuple):
        self.batch = [part.to("cuda") for part in batch]
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            self.loss = learn(*self.batch)

    def __call__(self, batch: Batch) -> torch.Tensor:
        for mine, given in zip(self.batch, batch, strict=True):
            mine.copy_(given, non_blocking=True)
        self.graph.replay()
        return self.loss


def _apart(network: PlateNetwork) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """The matrices inside a network's blocks, whose steps are orthogonalised, and all its other parameters."""
    inside = [part for blocks in (network.reading, network.answering) for part in blocks.parameters() if part.ndim == 2]
    theirs = set(map(id, inside))
    return inside, [part for part in network.parameters() if id(part) not in theirs]


class Training:
    """A network, its optimisers and how far they are.

    Attributes:
        settings: what decides the weights.
        network: as it is now.
        step: batches seen.
        devices: on which it was trained, one after another.
    """

    def __init__(self, settings: Settings, device: str = "cpu"):
        self.settings, self.device, self.devices, self.step = settings, device, [], 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = PlateNetwork(settings.width, settings.heads, settings.reading, settings.answering)
        self.network = network.to(device)
        on_gpu = device == "cuda"
        rate = torch.tensor(settings.rate, device=device) if on_gpu else settings.rate
        inside, others = _apart(self.network)
        self._optimisers = [
            Muon(inside, lr=rate, weight_decay=DECAY),
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=DECAY, fused=on_gpu, capturable=on_gpu),
        ]
        self._seen = 0  # steps of this object, which may have taken over from another
        if on_gpu:
            self._stream, self._pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()
            self._recorded: dict[int, _Recorded] = {}  # by the number of wells

    def rate(self) -> float:
        """The learning rate of the next step: a linear rise, then half a cosine down to 0."""
        rise = min(1.0, (self.step + 1) / WARM_UP)
        return self.settings.rate * rise * 0.5 * (1 + math.cos(math.pi * self.step / self.settings.steps))

    def advance(self, batch: Batch) -> torch.Tensor:
        """Train on the `Batches` of this step; returns its loss, which a GPU may still be working on."""
        rate = self.rate()
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["lr"].fill_(rate) if self.device == "cuda" else rate
        loss = self._learn_on_gpu(batch) if self.device == "cuda" else self._learn(*batch)
        self.step += 1
        self._seen += 1
        self.devices = list(dict.fromkeys([*self.devices, self.device]))
        return loss.detach()

    def _learn(self, wells: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        quantiles = self.network(wells, queries)
        # Weighed by how sure the network is of a plate, so that a tenth of what is uncertain counts the same on a sharp
        # plate as on a blurred one. The weight is known from the wells, so the best quantiles stay the best.
        spread = (quantiles[..., HIGH] - quantiles[..., LOW]).detach().mean(dim=1, keepdim=True)
        loss = (pinball(quantiles, truth, self.network.levels) / (SHARPEST + spread)).mean()
        self.network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
        return loss

    def _learn_on_gpu(self, batch: Batch) -> torch.Tensor:
        if self._seen < UNRECORDED:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                loss = self._learn(*(part.to("cuda") for part in batch))
            torch.cuda.current_stream().wait_stream(self._stream)
            return loss
        n = batch[0].shape[1]
        if n not in self._recorded:
            self._recorded[n] = _Recorded(self._learn, batch, self._stream, self._pool)
        return self._recorded[n](batch)

    def state(self) -> dict:
        """All that is needed to go on from here: weights, the optimisers' memory, the step."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "step": self.step,
            "devices": self.devices,
        }

    def resume(self, state: dict) -> None:
        """Go on from a `state` of a training with the same settings, on whatever device that was."""
        self.network.load_state_dict(state["network"])
        for optimiser, memory in zip(self._optimisers, state["optimisers"], strict=True):
            groups = zip(memory["param_groups"], optimiser.param_groups, strict=True)
            # Before they are loaded: by these PyTorch decides on which device its own counts have to be.
            ours = [theirs | {name: own[name] for name in _OF_DEVICE & own.keys()} for theirs, own in groups]
            optimiser.load_state_dict(memory | {"param_groups": ours})
        self.step, self.devices = state["step"], state["devices"]
