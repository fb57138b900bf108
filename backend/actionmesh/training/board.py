"""Show a training on TensorBoard: the log's values, and every few minutes pictures of unseen toys.

The averaged weights make the pictures. Only this module needs `tensorboard`, and imports it when a board is made.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ..errors import InputError
from .live_model import live_model
from .unseen_pictures import strip

SEEDS = (11, 24)
"""Seeds of the toys in the pictures; training seeds begin at a million."""
PRESET = "demo"


class Board:
    """A writer of TensorBoard event files.

    Args:
        folder: folder of the events; each part has a subfolder.
        minutes: minutes between pictures.
    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, part: str, minutes: float = 10.0):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("TensorBoard is not installed.", "Install backend/requirements-dev.txt.") from error
        self.writer = SummaryWriter(str(folder / part))
        self.minutes, self.shown = minutes, time.monotonic()

    def watch(self, learning: Mapping[str, nn.Module], run: Path, sizes: str, device: torch.device) -> None:
        """Set the networks in training, by part name, and the folder of the finished ones."""
        self.learning, self.run, self.sizes, self.device = learning, run, sizes, device

    def scalars(self, step: int, means: Mapping[str, float]) -> None:
        for name, value in means.items():
            self.writer.add_scalar(name, value, step)

    def due(self) -> bool:
        """Return whether it is time for pictures."""
        return time.monotonic() - self.shown > 60 * self.minutes

    def pictures(self, step: int) -> None:
        """Write one strip of pictures for each toy."""
        model = live_model(self.run, self.learning, self.sizes, self.device)
        preset = model.facts.preset(PRESET)
        for seed in SEEDS:
            self.writer.add_image(f"unseen/{seed}", strip(seed, model, preset), step, dataformats="HWC")
        self.writer.flush()
        self.shown = time.monotonic()
