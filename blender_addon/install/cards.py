"""Which build of PyTorch fits the graphics card: asked of NVIDIA's own tool, decided by its driver's version."""

import re
import subprocess
from dataclasses import dataclass

CUDA_13, CUDA_12 = 580, 560
"""The oldest drivers, by their first number, for which PyTorch's builds with CUDA 13.0 and 12.6 are offered."""
OLDEST_OF_CUDA_13 = 7.5
"""Compute capability: CUDA 13 has left the cards before Turing behind."""
QUESTION = ["nvidia-smi", "--query-gpu=driver_version,compute_cap,name", "--format=csv,noheader"]
PATIENCE = 20.0


@dataclass(frozen=True)
class Card:
    """An NVIDIA card, as its driver tells."""

    driver: int
    capability: float
    name: str


@dataclass(frozen=True)
class Advice:
    """Kinds of PyTorch that fit, the best first, and a sentence where the card cannot be used as it is."""

    kinds: tuple[str, ...]
    note: str = ""


def find_card() -> Card | None:
    """Return the first card that answers; None without a driver."""
    try:
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        answer = subprocess.run(QUESTION, capture_output=True, text=True, timeout=PATIENCE, creationflags=flags)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_card(answer.stdout) if answer.returncode == 0 else None


def read_card(answer: str) -> Card | None:
    """Return what the tool's first line says; None where it says something else."""
    found = re.match(r"\s*(\d+)[\d.]*\s*,\s*(\d+\.\d+)\s*,\s*(.+)", answer)
    return Card(int(found[1]), float(found[2]), found[3].strip()) if found else None


def advise(platform: str, card: Card | None) -> Advice:
    """Return which kinds of PyTorch to look for on a platform, with what card there is."""
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
