"""Read the parity data in `tests/parity`, or in the folder that ACTIONMESH_PARITY names."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

FOLDER = Path(os.environ.get("ACTIONMESH_PARITY") or Path(__file__).parents[1] / "parity")


def read(name: str) -> tuple[dict[str, Tensor], dict]:
    """Read the tensors of FOLDER/name.safetensors, and the constructor's arguments from its metadata."""
    with safe_open(str(FOLDER / f"{name}.safetensors"), framework="pt") as file:
        config = json.loads((file.metadata() or {}).get("config", "{}"))
        return {key: file.get_tensor(key) for key in file.keys()}, config


def weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix("weights."): value for key, value in tensors.items() if key.startswith("weights.")}


def relative_error(ours: Tensor, expected: Tensor) -> float:
    return float((ours.double() - expected.double()).norm() / expected.double().norm())


def assert_matches(ours: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    assert ours.shape == expected.shape
    assert torch.isfinite(ours).all()
    assert relative_error(ours, expected) <= tolerance
