"""The cases of the full-size benchmark, and the scales for a GPU and for a CPU."""

from dataclasses import dataclass, replace

from actionmesh.models.denoiser import ImageTo3DConfig
from actionmesh.models.image_preprocessing import ImagePreprocessing
from actionmesh.presets import PRESETS, Preset
from actionmesh.sizes import FULL, Sizes

from .workload import Workload

EXACT, DEFAULT, FAST = "quality", "balanced", "fast"


@dataclass(frozen=True)
class Case:
    """One measurement.

    Args:
        name: its name in the tables.
        preset: preset of the job.
        frames: number of frames T of the clip.
        plain: whether to measure the plain version.
        plan: name of the memory plan.
        cap: gigabytes that torch may use on the card; None for all.
    """

    name: str
    preset: str
    frames: int = 16
    plain: bool = False
    plan: str = "24"
    cap: float | None = None


CASES = (
    Case("exact", EXACT),
    Case("default", DEFAULT),
    Case("fast", FAST),
    Case("plain", EXACT, plain=True),
    Case("default, 8 GB", DEFAULT, plan="8", cap=8.0),
    Case("default, 6 GB", DEFAULT, plan="6", cap=6.0),
    Case("default, 31 frames", DEFAULT, frames=31),
)


@dataclass(frozen=True)
class Scale:
    """Sizes of the networks and of the work.

    Args:
        resolution: cells along a side of the surface's grid; None means the preset's, or half of it for the plain
            version.
        pixels: side of a picture.
        rings, segments: size of the reference mesh.
    """

    sizes: Sizes
    resolution: int | None = None
    pixels: int = 512
    rings: int = 200
    segments: int = 100

    def preset(self, case: Case) -> Preset:
        """Return the case's preset with this scale's grid; the plain version queries the whole grid."""
        preset = PRESETS[case.preset]
        published = preset.resolution // 2 if case.plain else preset.resolution
        return replace(preset, resolution=self.resolution or published)

    def workload(self, case: Case) -> Workload:
        return Workload(case.frames, self.pixels, self.rings, self.segments)


def public_architecture(width: int, heads: int, layers: int, tokens: int) -> Sizes:
    """Return the public architecture, narrower and with fewer blocks, tokens and image patches."""
    few = layers // 2 + 1
    temporal = replace(
        FULL.temporal, num_attention_heads=heads, width=width, cross_attention_dim=width, num_tokens_nominal=tokens
    )
    return replace(
        FULL,
        vae=replace(
            FULL.vae, num_attention_heads=heads, width_encoder=width, width_decoder=width, num_layers_decoder=few
        ),
        image_to_3d=ImageTo3DConfig(heads, width, FULL.latent, layers, cross_attention_dim=width),
        temporal=replace(temporal, num_layers=layers, inflated_layers=tuple(range(layers))),
        autoencoder=replace(FULL.autoencoder, width=width, num_layers=few, num_attention_heads=heads),
        encoder={**FULL.encoder, "hidden_size": width, "num_hidden_layers": few, "num_attention_heads": heads},
        preprocessing=ImagePreprocessing(shortest_edge=64, crop_size=(56, 56)),
    )


SCALES = {
    "full": Scale(FULL),
    "small": Scale(
        public_architecture(width=64, heads=2, layers=5, tokens=64), resolution=128, pixels=128, rings=50, segments=40
    ),
}
