"""What every stage works with."""

from dataclasses import dataclass, field

from ..memory.model import Model
from ..progress import Progress


@dataclass(frozen=True)
class Run(Model):
    """A model at work.

    Args:
        progress: receives the steps of every stage, and may cancel; by default it does neither.
    """

    progress: Progress = field(default_factory=Progress)

    @classmethod
    def of(cls, model: Model, progress: Progress | None = None) -> "Run":
        """Return a run of a model; `progress` None receives nothing."""
        return cls(model.facts, model.networks, model.runtime, progress or Progress())
