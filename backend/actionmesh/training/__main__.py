"""Make training data and train the parts of the bundled checkpoint.

    python -m actionmesh.training data DATA --sequences 3000
    python -m actionmesh.training train vae DATA RUN                    or, on several GPUs or machines:
    accelerate launch -m actionmesh.training train vae DATA RUN
    python -m actionmesh.training train image_to_3d DATA RUN
    python -m actionmesh.training train temporal DATA RUN
    python -m actionmesh.training train finetune_temporal DATA RUN
    python -m actionmesh.training train autoencoder DATA RUN
    python -m actionmesh.training train refit_image_to_3d DATA RUN
    python -m actionmesh.training train finetune_autoencoder DATA RUN
    python -m actionmesh.training latents DATA RUN LATENTS     encode once, for `train ... --latents LATENTS`
    python -m actionmesh.training round DATA RUN --start CHECKPOINT --end CHECKPOINT --minutes 180    train further
    python -m actionmesh.training average START END CHECKPOINT --share 0.5    between two checkpoints
    python -m actionmesh.training export RUN CHECKPOINT
    python -m actionmesh.training unpack CHECKPOINT RUN        to train a checkpoint further
    python -m actionmesh.training clip CHECKPOINT/demo --seed 2010 --template bird

You can stop each command and start it again, also with another number of processes. A part continues from its last
state in RUN.
"""

import argparse
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import Accelerator

    from .recipes import PartRecipe


def main() -> int:
    from ..errors import ActionMeshError

    arguments = parser().parse_args()
    try:
        COMMANDS[arguments.command](arguments)
    except ActionMeshError as error:
        print(f"actionmesh.training: {error}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="actionmesh.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True)
    data = commands.add_parser("data", help="make shards of toys")
    data.add_argument("data", type=Path)
    data.add_argument("--sequences", type=int, default=3000)
    data.add_argument("--first-seed", type=int, default=1_000_000, help="unseen toys have seeds below a million")
    data.add_argument("--template", help="make toys of this template only, such as chimera, which no seed draws")
    data.add_argument("--no-pictures", action="store_true")
    data.add_argument("--workers", type=int, default=os.cpu_count())
    train = commands.add_parser("train", help="train one part")
    train.add_argument("part")
    add_paths(train, "data", "run")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--batch", type=int, help="batch size over all processes")
    train.add_argument("--seed", type=int, help="seed of the batches; change it to train a finished part on others")
    train.add_argument("--parts", type=int, help="parts that a batch is split into; more take less memory")
    train.add_argument("--recompute", action="store_true", help="activation checkpointing: less memory, more time")
    train.add_argument("--latents", type=Path, help="folder that the latents command filled; for the denoisers")
    train.add_argument("--tensorboard", type=Path, help="folder for events")
    train.add_argument("--picture-minutes", type=float, default=10.0, help="minutes between pictures on TensorBoard")
    latents = commands.add_parser("latents", help="encode a data set once, with the finished VAE")
    add_paths(latents, "data", "run", "latents")
    further = commands.add_parser("round", help="train a checkpoint further: Stage I, Stage II, image-to-3D")
    further.add_argument("data", type=Path)
    further.add_argument("run", type=Path, help="folder for this round only")
    further.add_argument("--start", type=Path, required=True, help="checkpoint to continue from")
    further.add_argument("--end", type=Path, required=True, help="folder for the new checkpoint")
    further.add_argument("--minutes", type=float, required=True, help="minutes for all parts together")
    further.add_argument("--steps", type=int, help="steps of every part, to try a round out")
    further.add_argument("--seed", type=int, default=0, help="seed of the batches; use another for every round")
    for command in (train, latents, further):
        command.add_argument("--sizes", default="toy", choices=("toy", "tiny", "full"))
        command.add_argument("--threads", type=int)
        command.add_argument("--device", default="auto", choices=("auto", "cpu"))
        command.add_argument("--precision", default="auto", choices=("auto", "bf16", "no"))
    export = commands.add_parser("export", help="write the trained parts as a checkpoint")
    add_paths(export, "run", "checkpoint")
    export.add_argument("--sizes", default="toy", choices=("toy", "tiny", "full"))
    unpack = commands.add_parser("unpack", help="turn a checkpoint's parts back into a run")
    add_paths(unpack, "checkpoint", "run")
    average = commands.add_parser("average", help="average a checkpoint with the one that it continued from")
    add_paths(average, "start", "end", "checkpoint")
    average.add_argument("--share", type=float, default=0.5, help="share of END (default: %(default)s)")
    clip = commands.add_parser("clip", help="render a toy as the bundled clip")
    clip.add_argument("folder", type=Path)
    clip.add_argument("--seed", type=int, required=True)
    clip.add_argument("--template")
    return top


def add_paths(command: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        command.add_argument(name, type=Path)


def make_data(arguments: argparse.Namespace) -> None:
    """Make shards in several processes; existing shards are kept."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    import torch

    from ..errors import InputError
    from ..toys.creatures import NAMES
    from .data import SHARD, make_shard

    if arguments.template not in (None, *NAMES):
        raise InputError(f"There is no template {arguments.template!r}.", f"Choose one of {', '.join(NAMES)}.")
    firsts = range(arguments.first_seed, arguments.first_seed + arguments.sequences, SHARD)
    context = get_context("spawn")
    with ProcessPoolExecutor(
        arguments.workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        make = partial(make_shard, arguments.data, pictures=not arguments.no_pictures, template=arguments.template)
        for path in pool.map(make, firsts):
            print(path.name, flush=True)


def train_part(arguments: argparse.Namespace) -> None:
    from .board import Board
    from .run import find_recipe, train

    accelerator = accelerator_of(arguments)
    recipe = changed(find_recipe(arguments.part, arguments.sizes), arguments)
    board = None
    if arguments.tensorboard and accelerator.is_main_process:
        board = Board(arguments.tensorboard, arguments.part, arguments.picture_minutes)
    train(arguments.part, arguments.data, arguments.run, arguments.sizes, recipe, accelerator, arguments.latents, board)


def changed(recipe: "PartRecipe", arguments: argparse.Namespace) -> "PartRecipe":
    """Return the recipe with the command's changes; raise InputError if the result is invalid."""
    from ..errors import InputError

    told = {name: getattr(arguments, name) for name in ("minutes", "steps", "parts", "seed")}
    of_loop = {name: value for name, value in told.items() if value is not None}
    batch = recipe.batch if arguments.batch is None else arguments.batch
    try:
        loop = replace(recipe.loop, **of_loop)
        return replace(recipe, batch=batch, loop=loop, recompute=recipe.recompute or arguments.recompute)
    except ValueError as error:
        raise InputError(f"The recipe is invalid: {error}.") from error


def encode_latents(arguments: argparse.Namespace) -> None:
    from ..sizes import SIZES
    from .latent_cache import encode_data_set
    from .parts import frozen_vae
    from .sources import open_source

    accelerator, sizes = accelerator_of(arguments), SIZES[arguments.sizes]
    source = open_source(arguments.data, True, sizes.preprocessing)
    encode_data_set(arguments.latents, frozen_vae(arguments.run, sizes).vae, source, sizes, accelerator)


def accelerator_of(arguments: argparse.Namespace) -> "Accelerator":
    import torch

    from .devices import make_accelerator

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    return make_accelerator(arguments.device, arguments.precision)


def train_further(arguments: argparse.Namespace) -> None:
    from .round import train_round

    where = (arguments.data, arguments.run, arguments.start, arguments.end)
    limits = (arguments.minutes, arguments.seed, arguments.steps)
    train_round(*where, arguments.sizes, *limits, accelerator_of(arguments))


def export_run(arguments: argparse.Namespace) -> None:
    from .export import export

    export(arguments.run, arguments.checkpoint, arguments.sizes)


def unpack_checkpoint(arguments: argparse.Namespace) -> None:
    from .export import unpack

    unpack(arguments.checkpoint, arguments.run)


def average_checkpoints(arguments: argparse.Namespace) -> None:
    from .average import average

    average(arguments.start, arguments.end, arguments.share, arguments.checkpoint)


def make_clip(arguments: argparse.Namespace) -> None:
    from .demo_clip import write_demo

    write_demo(arguments.folder, arguments.seed, arguments.template)


COMMANDS = {
    "data": make_data,
    "train": train_part,
    "latents": encode_latents,
    "round": train_further,
    "export": export_run,
    "unpack": unpack_checkpoint,
    "average": average_checkpoints,
    "clip": make_clip,
}


if __name__ == "__main__":
    sys.exit(main())
