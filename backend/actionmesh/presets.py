"""Presets: how much work a job does. They hold the published numbers; a checkpoint may replace them with its own."""

from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import CheckpointError
from .protocol import Animate, PresetName
from .protocol.limits import MOST_FACES, MOST_GUIDANCE, MOST_STEPS, limits, shown
from .sampling.approximation import EXACT, FORECASTS, SOLVERS, Approximation, is_interval


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How much work a job does.

    Args:
        image_steps, image_guidance: steps and guidance of Stage 0, image-to-3D.
        steps, guidance: steps and guidance of Stage I.
        resolution: cells per side of the grid on which Stage 0 finds the surface.
        max_faces: most faces of the reference mesh that Stage 0 makes.
        smallest_part: parts of that mesh with fewer faces than this share of the largest part's are dropped; 0
            keeps all.
        approximation: what Stage I's sampler leaves out.
    """

    image_steps: int
    image_guidance: float
    steps: int
    guidance: float
    resolution: int
    max_faces: int
    smallest_part: float = 0.02
    approximation: Approximation = EXACT

    @property
    def image_approximation(self) -> Approximation:
        """What Stage 0's sampler leaves out: it shares only the solver with Stage I.

        Stage 0 takes a fourteenth of Stage I's operations, and 8 bits or guidance over part of its schedule change
        the shape.
        """
        return Approximation(solver=self.approximation.solver)

    def overridden(self, values: dict[str, Any], source: str) -> "Preset":
        """Return the preset with a checkpoint's own values, those of its approximation among them.

        Raises:
            CheckpointError: a value does not exist or makes no sense; the message names it.
        """
        for name, value in values.items():
            if name not in KINDS:
                raise CheckpointError(f"{source} sets {name}, which no preset has.", "Correct or remove the file.")
            if cure := _cure(name, value):
                raise CheckpointError(f"{source} sets {name} to {shown(ascii(value))}.", cure)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return self.changed(values | lists)

    def changed(self, values: dict[str, Any]) -> "Preset":
        """Return the preset with other values, those of its approximation among them."""
        own = {name: value for name, value in values.items() if name not in APPROXIMATIONS}
        switches = {name: value for name, value in values.items() if name in APPROXIMATIONS}
        return replace(self, **own, approximation=replace(self.approximation, **switches))


APPROXIMATIONS = {field.name: field.type for field in fields(Approximation)}
KINDS = {field.name: field.type for field in fields(Preset) if field.name != "approximation"} | APPROXIMATIONS
"""The type of every value of a preset; a checkpoint has them all in one flat table."""

MOST = {"guidance": MOST_GUIDANCE, "image_guidance": MOST_GUIDANCE, "resolution": 2048, "max_faces": MOST_FACES}
SMALLEST_PART = limits(Animate)["smallest_part"]
CHOICES = {"solver": SOLVERS, "forecast": FORECASTS}


def _cure(name: str, value: Any) -> str:
    """Return what to set instead of a value that makes no sense; empty if it makes sense."""
    kind = KINDS[name]
    if name in CHOICES:
        return "" if value in CHOICES[name] else f"Use one of {', '.join(CHOICES[name])}."
    if name == "guidance_interval":
        return "" if is_interval(value) else "Use two rising numbers from 0 to 1."
    if name == "smallest_part":
        return "" if SMALLEST_PART.fault(value) is None else "Use a share from 0 to 1."
    if kind is bool:
        return "" if isinstance(value, bool) else "Use true or false."
    kinds = (int, float) if kind is float else int
    most = MOST.get(name, MOST_STEPS)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    return "" if number and 0 < value <= most else f"Use a number above 0 and at most {most:g}."


AB2 = Approximation(solver="ab2")
FAST = Approximation(solver="ab2", guidance_interval=(0.6, 1.0))
PRESETS: dict[str, Preset] = {
    PresetName.DEMO: Preset(
        image_steps=10, image_guidance=7.5, steps=4, guidance=7.5, resolution=256, max_faces=20_000
    ),
    PresetName.FAST: Preset(
        image_steps=25, image_guidance=7.5, steps=10, guidance=7.5, resolution=512, max_faces=40_000, approximation=FAST
    ),
    PresetName.BALANCED: Preset(
        image_steps=50, image_guidance=7.5, steps=12, guidance=7.5, resolution=512, max_faces=40_000, approximation=AB2
    ),
    PresetName.QUALITY: Preset(
        image_steps=100, image_guidance=7.5, steps=30, guidance=7.5, resolution=512, max_faces=40_000
    ),
}
"""Ordered by rising work; "quality" samples as published. docs/approximations.md measures what "balanced" and
"fast" leave out."""
