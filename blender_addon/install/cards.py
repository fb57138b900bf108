"""Choose the build of PyTorch that fits the graphics card, by the driver version that NVIDIA's own tool reports."""

import re
import subprocess
from dataclasses import dataclass

CUDA_13, CUDA_12 = 580, 560
"""The oldest driver versions (first number) for PyTorch's builds with CUDA 13.0 and 12.6."""
OLDEST_OF_CUDA_13 = 7.5
"""Compute capability: CUDA 13 does not support cards before Turing."""
QUESTION = ["nvidia-smi", "--query-gpu=driver_version,compute_cap,name", "--format=csv,noheader"]
PATIENCE = 20.0


@dataclass(frozen=True)
class Card:
    """An NVIDIA card, as reported by its driver."""

    driver: int
    capability: float
    name: str


@dataclass(frozen=True)
class Advice:
    """Kinds of PyTorch that fit, the best first, and a sentence if the card cannot be used yet."""

    kinds: tuple[str, ...]
    note: str = ""


def find_card() -> Card | None:
    """Return the first card that answers; None if there is no driver."""
    try:
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        answer = subprocess.run(QUESTION, capture_output=True, text=True, timeout=PATIENCE, creationflags=flags)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_card(answer.stdout) if answer.returncode == 0 else None


def read_card(answer: str) -> Card | None:
    """Parse the first line of the tool's output; return None if it does not describe a card."""
    found = re.match(r"\s*(\d+)[\d.]*\s*,\s*(\d+\.\d+)\s*,\s*(.+)", answer)
    return Card(int(found[1]), float(found[2]), found[3].strip()) if found else None


def advise(platform: str, card: Card | None) -> Advice:
    """Return the kinds of PyTorch that fit a platform and its card."""
    if platform == "macos-arm64":
        return Advice(("mps",))
    if card is None:
        return Advice(("cpu",))
    if card.driver < CUDA_12:
        return Advice(
            ("cpu",), f"The driver of the {card.name} is too old. Update it to {CUDA_13} or newer, then press Repair."
        )
    if card.driver < CUDA_13 or card.capability < OLDEST_OF_CUDA_13:
        return Advice(("cuda126", "cpu"))
    return Advice(("cuda130", "cuda126", "cpu"))
