"""The training loop: the same steps on one process or many, with averaged weights, a log, pictures and restarts."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from .log import TrainingLog
from .objectives import Objective
from .optimisers import make_optimisers, rate_at
from .recipes import LoopConfig
from .shares import Share, generator_of, moved, rows_of, shares_of
from .state import read_state, write_state

if TYPE_CHECKING:
    from accelerate import Accelerator

    from .board import Board

__all__ = ["Loop", "LoopConfig"]


class Loop:
    """One training: the objective with its networks, their averaged weights, the optimisers and the progress.

    Args:
        objective: a module that returns the losses of a batch, including "loss", each a mean over the batch's rows.
        draw: draws one part of a batch, in full precision on the CPU, from the given generator and nothing else.
        folder, name: of the state and the log.
        accelerator: what runs the training.
        board: TensorBoard output; on the main process only.
    Raises:
        InputError: the processes cannot share a batch, or an existing state is damaged or differs between them.
    """

    def __init__(
        self,
        config: LoopConfig,
        objective: Objective,
        draw: Callable[[torch.Generator], Any],
        folder: Path,
        name: str,
        accelerator: "Accelerator",
        board: "Board | None" = None,
    ):
        self.config, self.draw, self.folder, self.name = config, draw, folder, name
        self.accelerator, self.board = accelerator, board
        self.shares = shares_of(config.parts, accelerator.process_index, accelerator.num_processes)
        self.objective = objective.to(accelerator.device).train()
        self.parameters = {key: value for key, value in objective.named_parameters() if value.requires_grad}
        self.optimisers = make_optimisers(config, self.parameters)
        self.average = {key: value.detach().clone() for key, value in self.parameters.items()}
        self.step, self.seconds = 0, 0.0
        if self.state_path.exists():
            self.step, self.seconds = read_state(self.state_path, self.parameters, self.average, self.optimisers)
        self._require_one_state()
        self.model = accelerator.prepare_model(self.objective)

    @property
    def state_path(self) -> Path:
        return self.folder / f"{self.name}.state.safetensors"

    def _require_one_state(self) -> None:
        """Raise InputError if another process begins at another step."""
        if self._agreed({"step": torch.tensor(float(self.step))})["step"] != self.step:
            raise InputError(f"Not every process finds the same {self.state_path}.", "Use a folder they all share.")

    def fraction(self) -> float:
        """Return how much of the planned training is done, 0 to 1."""
        return min(1.0, max(self.step / self.config.steps, self.seconds / 60 / self.config.minutes))

    def run(self) -> None:
        """Train until the planned end, then give the networks the averaged weights."""
        show = self.board.scalars if self.board else None
        log = TrainingLog(self.folder / f"{self.name}.csv", self.name, self.objective.readable, show)
        saved = time.monotonic()
        while self.fraction() < 1.0:
            losses = self.take_step()
            if not self.accelerator.is_main_process:
                continue
            log.add(losses, self.step, self.seconds, last=self.fraction() >= 1.0)
            if time.monotonic() - saved > 60 * self.config.save_minutes:
                self.save()
                saved = time.monotonic()
            if self.board and self.board.due():
                with self.averaged():
                    self.board.pictures(self.step)
        self.save()
        self.use_average()

    def take_step(self) -> dict[str, float]:
        """Take one optimiser step on one batch; return the losses of the whole batch, the same in every process.

        Raises:
            InputError: a loss is not finite.
        """
        start = time.monotonic()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate_at(self.config, self.step, self.fraction())
            optimiser.zero_grad()
        means = self._agreed(self._differentiate())
        self._require_numbers(means)
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self._follow()
        self.step += 1
        self.seconds += self._agreed({"seconds": torch.tensor(time.monotonic() - start)})["seconds"]
        return means

    def _require_numbers(self, means: dict[str, float]) -> None:
        """Raise InputError if a loss is infinite or not a number: a step would ruin the weights and their average."""
        wrong = [key for key, mean in means.items() if not math.isfinite(mean)]
        if wrong:
            problem = f"In step {self.step} of {self.name} the {' and '.join(wrong)} is not finite."
            raise InputError(problem, f"Lower the rate or repair the data; {self.folder} has the last saved state.")

    def _differentiate(self) -> dict[str, Tensor]:
        """Compute the gradients of this step's loss over the whole batch.

        Returns the means of the losses over this process's shares.
        """
        sums: dict[str, Tensor] = {}
        for share in self.shares:
            batch = moved(self._rows(share), self.accelerator.device)
            last = share is self.shares[-1]
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                losses = self.model(batch)
                self.accelerator.backward(losses["loss"] / len(self.shares))
            sums = {key: sums.get(key, 0) + value.detach() for key, value in losses.items()}
        return {key: value / len(self.shares) for key, value in sums.items()}

    def _rows(self, share: Share) -> Any:
        return rows_of(self.draw(generator_of(self.config.seed, self.step, share.part)), share)

    def _follow(self) -> None:
        """Move the averaged weights towards the weights, closely in the first steps."""
        decay = min(self.config.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for key, value in self.parameters.items():
                self.average[key].lerp_(value, 1 - decay)

    def _agreed(self, values: dict[str, Tensor]) -> dict[str, float]:
        """Return the means over all processes."""
        device = self.accelerator.device
        stacked = torch.stack([value.float().to(device) for value in values.values()])
        means = self.accelerator.reduce(stacked, "mean").tolist()
        return dict(zip(values, means, strict=True))

    def use_average(self) -> None:
        """Give the networks the averaged weights."""
        with torch.no_grad():
            for key, value in self.parameters.items():
                value.copy_(self.average[key])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the networks the averaged weights, in eval mode, for the length of a `with` block."""
        self._exchange()
        self.objective.eval()
        try:
            yield
        finally:
            self.objective.train()
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for key, value in self.parameters.items():
            weights = value.clone()
            value.copy_(self.average[key])
            self.average[key].copy_(weights)

    def save(self) -> None:
        """Write everything that a restart needs; only the main process writes."""
        if self.accelerator.is_main_process:
            write_state(self.state_path, self.parameters, self.average, self.optimisers, self.step, self.seconds)
