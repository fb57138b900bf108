"""Train a finished checkpoint further, on other data or for longer, and export it as a new checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .export import export, unpack
from .parts import part_path
from .run import find_recipe, train

if TYPE_CHECKING:
    from accelerate import Accelerator

SHARES = {"finetune_temporal": 0.55, "continue_autoencoder": 0.3, "refit_image_to_3d": 0.15}
"""The parts in order, with their shares of the minutes: Stage I with the image encoder, Stage II, image-to-3D on that
encoder. The shape VAE stays as it is, and so does the meaning of latents."""


def train_round(
    data: Path,
    run: Path,
    start: Path,
    end: Path,
    sizes: str,
    minutes: float,
    seed: int,
    steps: int | None,
    accelerator: "Accelerator",
) -> None:
    """Train the parts of a checkpoint further, one after another; a restart continues where it stopped.

    Args:
        data: a folder of sequences, or a mixture of several (`mixture.py`).
        run: folder for this round only: states, logs, finished parts.
        start, end: the checkpoint to continue from, and the folder for the new one.
        minutes: minutes for all parts together.
        seed: seed of the batches; two rounds with the same seed see the same windows.
        steps: steps of every part, to try a round out; None keeps those of the recipe.

    Raises:
        InputError: the data, the checkpoint or the sizes cannot be used.
    """
    if accelerator.is_main_process and not part_path(run, "vae").exists():
        unpack(start, run)
    accelerator.wait_for_everyone()
    for part, share in SHARES.items():
        recipe = find_recipe(part, sizes)
        loop = replace(recipe.loop, minutes=share * minutes, seed=seed, steps=steps or recipe.loop.steps)
        train(part, data, run, sizes, replace(recipe, loop=loop), accelerator)
    if accelerator.is_main_process:
        export(run, end, sizes)
    accelerator.wait_for_everyone()
