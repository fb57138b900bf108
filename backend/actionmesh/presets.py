"""Presets: how much work a job does. The published numbers; a checkpoint may carry better ones of its own."""

from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import CheckpointError


@dataclass(frozen=True)
class Preset:
    """How much work a job does.

    Args:
        image_steps, image_guidance: of Stage 0, image-to-3D.
        steps, guidance: of Stage I.
        resolution: cells a side of the grid on which Stage 0 finds the surface.
        max_faces: of the reference mesh that Stage 0 makes.
    """

    image_steps: int
    image_guidance: float
    steps: int
    guidance: float
    resolution: int
    max_faces: int

    def overridden(self, values: dict[str, Any], source: str) -> "Preset":
        """With a checkpoint's own numbers; raises CheckpointError naming one that does not exist."""
        kinds = {field.name: (int, float) if field.type in (float, "float") else int for field in fields(self)}
        for name, value in values.items():
            if name not in kinds:
                raise CheckpointError(f"{source} sets {name}, which no preset has.", "Mend or remove the file.")
            if not isinstance(value, kinds[name]) or isinstance(value, bool) or not value > 0:
                raise CheckpointError(f"{source} sets {name} to {value!r}.", "Use a number above 0.")
        return replace(self, **values)


PRESETS = {
    "demo": Preset(image_steps=10, image_guidance=7.5, steps=4, guidance=7.5, resolution=256, max_faces=20_000),
    "fast": Preset(image_steps=50, image_guidance=7.5, steps=15, guidance=7.5, resolution=512, max_faces=40_000),
    "quality": Preset(image_steps=100, image_guidance=7.5, steps=30, guidance=7.5, resolution=512, max_faces=40_000),
}
