"""Recipes of training: how each part is trained. The full sizes have the published recipe."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LoopConfig:
    """How the weights of one part are optimised.

    Args:
        steps: optimiser steps.
        minutes: wall-clock limit of the steps; the rate's cosine follows whichever of the two is further along.
        rate: peak learning rate.
        warmup: steps until the peak.
        average: decay of the exponential moving average of the weights; the average is what is kept.
        seed: seed of the batches; each part of each step has its own generator, so a restart repeats nothing.
        save_minutes: minutes between saved states.
        optimiser: "muon", Muon (Jordan et al. 2024; steps scaled to AdamW's size, Liu et al. 2025) for the matrices
            inside transformer blocks and AdamW for the rest; or "adamw", AdamW for all.
        weight_decay: weight decay of both optimisers.
        betas: betas of AdamW.
        parts: parts that a batch is drawn and differentiated in; more take less memory, and another number draws other
            batches.
    """

    steps: int
    minutes: float = math.inf
    rate: float = 1e-3
    warmup: int = 100
    average: float = 0.998
    seed: int = 0
    save_minutes: float = 3.0
    optimiser: str = "muon"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    parts: int = 1

    def __post_init__(self) -> None:
        if self.optimiser not in ("muon", "adamw"):
            raise ValueError(f"optimiser is {self.optimiser!r}, neither 'muon' nor 'adamw'")
        if not (self.steps > 0 and self.minutes > 0 and self.warmup > 0 and self.parts > 0):
            counts = f"{self.steps} steps, {self.minutes} minutes, {self.warmup} of warm-up, {self.parts} parts"
            raise ValueError(f"{counts}: all must be above 0")


@dataclass(frozen=True)
class PartRecipe:
    """How one part is trained.

    Args:
        batch: windows per step, over all processes.
        frames: T frames per window; at inference, windows have `temporal.temporal_context_size`.
        loop: optimiser and length.
        pure_noise: share of a denoiser's samples that start from pure noise.
        uniform: share of the others whose noise level is uniform; the rest are logit-normal.
        dropout: share of a denoiser's samples without their pictures, for guidance.
        learn_encoder: whether the image encoder learns too, from the denoiser's loss and from what its patches show.
        recompute: activation checkpointing: recompute blocks in the backward pass instead of keeping their activations.
        relative: for parts that see windows: weight errors relative to how much a window moves, as evaluation does.
    """

    batch: int
    frames: int
    loop: LoopConfig
    pure_noise: float = 0.2
    uniform: float = 0.375
    dropout: float = 0.1
    learn_encoder: bool = True
    recompute: bool = False
    relative: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1 or self.batch % self.loop.parts:
            raise ValueError(f"a batch of {self.batch} cannot be cut into {self.loop.parts} parts")

    @property
    def rows(self) -> int:
        """Windows in one part of a batch."""
        return self.batch // self.loop.parts


RECIPES = {
    "vae": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=20, rate=1e-3)),
    "finetune_vae": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=14, rate=8e-4)),
    "finetune_vae_decoder": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=14, rate=8e-4)),
    "image_to_3d": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=18, rate=1e-3)),
    "temporal": PartRecipe(8, 8, LoopConfig(steps=12000, minutes=45, rate=2e-3), relative=True),
    "finetune_temporal": PartRecipe(
        8, 8, LoopConfig(steps=12000, minutes=85, rate=2e-3), pure_noise=0.5, relative=True
    ),
    "autoencoder": PartRecipe(12, 8, LoopConfig(steps=12000, minutes=35, rate=1e-3), relative=True),
    "continue_autoencoder": PartRecipe(12, 8, LoopConfig(steps=12000, minutes=35, rate=1e-3), relative=True),
    "refit_image_to_3d": PartRecipe(32, 1, LoopConfig(steps=6000, minutes=10, rate=1e-3), learn_encoder=False),
    "finetune_autoencoder": PartRecipe(8, 8, LoopConfig(steps=3000, minutes=10, rate=6e-4), relative=True),
}
"""Recipes of the small sizes, by part."""

PUBLISHED_LOOP = LoopConfig(
    steps=170_000,
    rate=1e-4,
    warmup=1000,
    average=0.9999,
    save_minutes=30.0,
    optimiser="adamw",
    weight_decay=1e-2,
    betas=(0.9, 0.999),
    parts=96,
)
"""Published: AdamW at 1e-4, weight decay 1e-2, batches of 96, 170 000 steps. Warm-up, average and betas are ours."""
PUBLISHED = {
    "temporal": PartRecipe(96, 16, PUBLISHED_LOOP, pure_noise=0.0, uniform=0.0, learn_encoder=False, recompute=True),
    "autoencoder": PartRecipe(96, 16, PUBLISHED_LOOP, recompute=True),
}
"""Recipes of the full sizes: the two networks that ActionMesh trains, on TripoSG's VAE and DINOv2, both unchanged."""


def recipe_of(part: str, sizes: str) -> PartRecipe:
    """Return the recipe of a part; raise KeyError if these sizes have no such part."""
    return (PUBLISHED if sizes == "full" else RECIPES)[part]
