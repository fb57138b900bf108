"""The training loop: Muon and AdamW, cosine rate, clipped gradients, an average of the weights, a log, and restarts."""

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

Batch = TypeVar("Batch")
MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
"""What AdamW and Muon keep of every parameter."""


@dataclass(frozen=True)
class LoopConfig:
    """How one part is trained.

    Args:
        steps: optimiser steps.
        minutes: the wall-clock time that the steps may take; the rate's cosine follows whichever of the two is further on.
        rate: peak learning rate; weight decay is 0.01.
        warmup: steps until the peak.
        average: decay of the exponential moving average of the weights, which is what is kept.
        seed: of the batches; step i draws from a generator seeded by (seed, i), so that a restart repeats nothing.
        save_minutes: how often the state is written.
        optimiser: "muon", Muon (Jordan et al. 2024; steps scaled to AdamW's size, Liu et al. 2025) for the matrices inside
            transformer blocks and AdamW (betas 0.9, 0.98) for the rest; or "adamw", AdamW for all.
    """

    steps: int
    minutes: float = math.inf
    rate: float = 1e-3
    warmup: int = 100
    average: float = 0.998
    seed: int = 0
    save_minutes: float = 3.0
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        if self.optimiser not in ("muon", "adamw"):
            raise ValueError(f"optimiser is {self.optimiser!r}, neither 'muon' nor 'adamw'")


class Loop:
    """The state of one training: the networks, their average, the optimiser, how far it is."""

    def __init__(self, config: LoopConfig, network: nn.Module, folder: Path, name: str):
        self.config, self.network, self.folder, self.name = config, network, folder, name
        self.parameters = {key: value for key, value in network.named_parameters() if value.requires_grad}
        self.optimisers = make_optimisers(config, self.parameters)
        self.average = {key: value.detach().clone() for key, value in self.parameters.items()}
        self.step, self.seconds = 0, 0.0
        if self.state_path.exists():
            self._restore()

    @property
    def state_path(self) -> Path:
        return self.folder / f"{self.name}.state.safetensors"

    @property
    def log_path(self) -> Path:
        return self.folder / f"{self.name}.csv"

    def fraction(self) -> float:
        """How much of the planned training is done, 0 to 1."""
        return min(1.0, max(self.step / self.config.steps, self.seconds / 60 / self.config.minutes))

    def run(
        self, draw: Callable[[torch.Generator], Batch], losses_of: Callable[[Batch, torch.Generator], dict[str, Tensor]]
    ) -> None:
        """Trains until the planned end; then the network holds the averaged weights.

        Args:
            draw: makes a batch, in full precision.
            losses_of: computes the losses of a batch, "loss" among them, in mixed precision.
        """
        sums: dict[str, float] = {}
        since_log, saved = 0, time.monotonic()
        while self.fraction() < 1.0:
            start = time.monotonic()
            losses = self._update(draw, losses_of)
            self.seconds += time.monotonic() - start
            since_log += 1
            sums = {key: sums.get(key, 0.0) + float(value) for key, value in losses.items()}
            if since_log == 50 or self.fraction() >= 1.0:
                self._log({key: value / since_log for key, value in sums.items()})
                sums, since_log = {}, 0
            if time.monotonic() - saved > 60 * self.config.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()
        self.use_average()

    def use_average(self) -> None:
        """Gives the network the averaged weights."""
        with torch.no_grad():
            for key, value in self.parameters.items():
                value.copy_(self.average[key])

    def _update(self, draw: Callable, losses_of: Callable) -> dict[str, Tensor]:
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        torch.manual_seed(config.seed * 1_000_003 + self.step)
        rate = config.rate * min(1.0, (self.step + 1) / config.warmup) * (0.02 + 0.98 * cosine(self.fraction()))
        for group in chain.from_iterable(optimiser.param_groups for optimiser in self.optimisers):
            group["lr"] = rate
        batch = draw(generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = losses_of(batch, generator)
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        decay = min(config.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for key, value in self.parameters.items():
                self.average[key].lerp_(value, 1 - decay)
        self.step += 1
        return {key: value.detach() for key, value in losses.items()}

    def _log(self, means: dict[str, float]) -> None:
        row = {"step": self.step, "minutes": round(self.seconds / 60, 2)} | {key: round(v, 5) for key, v in means.items()}
        new = not self.log_path.exists()
        with self.log_path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(self.name, row, flush=True)

    def save(self) -> None:
        """Writes everything that a restart needs, whole or not at all."""
        tensors = {f"average.{key}": value for key, value in self.average.items()}
        names: dict[Tensor, str] = {value: key for key, value in self.parameters.items()}
        tensors |= {f"weights.{key}": value.detach() for key, value in self.parameters.items()}
        for optimiser in self.optimisers:
            for value, state in optimiser.state.items():
                tensors |= {f"{moment}.{names[value]}": state[moment] for moment in MOMENTS if moment in state}
        part = self.state_path.with_suffix(".part")
        save_file(
            {key: value.contiguous() for key, value in tensors.items()},
            part,
            {"step": str(self.step), "seconds": str(self.seconds)},
        )
        part.replace(self.state_path)

    def _restore(self) -> None:
        with safe_open(str(self.state_path), framework="pt") as file, torch.no_grad():
            metadata, keys = file.metadata(), set(file.keys())
            owner = {value: each for each in self.optimisers for group in each.param_groups for value in group["params"]}
            self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
            for key, value in self.parameters.items():
                value.copy_(file.get_tensor(f"weights.{key}"))
                self.average[key].copy_(file.get_tensor(f"average.{key}"))
                moments = {moment: file.get_tensor(f"{moment}.{key}") for moment in MOMENTS if f"{moment}.{key}" in keys}
                if moments:
                    owner[value].state[value] = {"step": torch.tensor(float(self.step)), **moments}


def make_optimisers(config: LoopConfig, parameters: dict[str, nn.Parameter]) -> list[torch.optim.Optimizer]:
    """The optimisers of all parameters; see `LoopConfig.optimiser`."""
    hidden = {name for name, value in parameters.items() if value.ndim == 2 and ("blocks." in name or "layer." in name)}
    if config.optimiser != "muon":
        hidden = set()
    matrices = [value for name, value in parameters.items() if name in hidden]
    rest = [value for name, value in parameters.items() if name not in hidden]
    adamw = torch.optim.AdamW(rest, lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01)
    if not matrices:
        return [adamw]
    return [torch.optim.Muon(matrices, lr=config.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"), adamw]


def cosine(fraction: float) -> float:
    """1 at the start, 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))
