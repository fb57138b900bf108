"""Load RMBG-1.4 from its folder as published."""

import os
from pathlib import Path

import torch

from ..models.background_removal import BackgroundRemoval, BackgroundRemovalConfig
from .load import build, read_tensors


def load_background_removal(folder: Path, device: str, dtype: torch.dtype) -> BackgroundRemoval:
    """Load `model.safetensors` and, if present, `config.json` from an RMBG-1.4 folder as published.

    Raises:
        CheckpointError: the weights are missing or damaged, or the tensors do not belong to this network.
    """
    path = folder / "config.json"
    config = BackgroundRemovalConfig.load(path) if os.path.lexists(path) else BackgroundRemovalConfig()
    tensors = read_tensors(folder / "model.safetensors")
    return build(lambda: BackgroundRemoval(config), tensors, str(folder), device, dtype)
