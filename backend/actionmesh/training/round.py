"""One round of training: a finished checkpoint goes on, on other data or for longer, and becomes a checkpoint again."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .export import export, unpack
from .parts import part_path
from .run import find_recipe, train

if TYPE_CHECKING:
    from accelerate import Accelerator

SHARES = {"finetune_temporal": 0.55, "continue_autoencoder": 0.3, "refit_image_to_3d": 0.15}
"""The parts in their order, and their shares of the minutes: Stage I with the image encoder, Stage II, image-to-3D on
that encoder. The shape VAE stays, and with it what latents mean."""


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
    """Train the parts of a checkpoint further, one after another; stopped and started again it goes on where it was.

    Args:
        data: a folder of sequences, or a mixture of several (`mixture.py`).
        run: folder of this round alone: states, logs, finished parts.
        start, end: the checkpoint to go on from, and the folder of the one that is made.
        minutes: of all parts together.
        seed: of the batches; two rounds with the same one see the same windows.
        steps: ends every part after so many, to try a round out; None leaves the recipe's.

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
