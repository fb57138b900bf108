"""An opened checkpoint, kept from job to job."""

from dataclasses import dataclass
from pathlib import Path

from ..weights.facts import CheckpointFacts
from .networks import Networks
from .plan import AUTO
from .runtime import Runtime


@dataclass(frozen=True)
class Model:
    """A checkpoint on a device.

    Args:
        facts: what the checkpoint says about itself.
        networks: its networks.
        runtime: where and how they run.
    """

    facts: CheckpointFacts
    networks: Networks
    runtime: Runtime


def open_model(folder: Path, device: str = "auto", memory: str = AUTO) -> Model:
    """Open the checkpoint in a folder; networks are loaded later, when they are needed.

    Args:
        device, memory: see `Runtime`.
    Raises:
        CheckpointError: the checkpoint is not complete.
        InputError: the device or the plan does not exist.
    """
    facts = CheckpointFacts(folder)
    runtime = Runtime(facts.checkpoint, device, memory)
    return Model(facts, Networks(facts.checkpoint, runtime), runtime)
