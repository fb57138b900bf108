"""Makes data and trains the parts of the bundled checkpoint.

    python -m actionmesh.training data DATA --sequences 3000
    python -m actionmesh.training train vae DATA RUN
    python -m actionmesh.training train image_to_3d DATA RUN
    python -m actionmesh.training train temporal DATA RUN
    python -m actionmesh.training train finetune_temporal DATA RUN
    python -m actionmesh.training train autoencoder DATA RUN
    python -m actionmesh.training train refit_image_to_3d DATA RUN
    python -m actionmesh.training train finetune_autoencoder DATA RUN
    python -m actionmesh.training export RUN CHECKPOINT
    python -m actionmesh.training unpack CHECKPOINT RUN        to train a checkpoint further
    python -m actionmesh.training clip CHECKPOINT/demo --seed 2010 --template bird

Each can be stopped and started again; a part goes on from its last state in RUN.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path


def main() -> None:
    arguments = parser().parse_args()
    if arguments.command == "data":
        make_data(arguments.data, arguments.first_seed, arguments.sequences, not arguments.no_pictures, arguments.workers)
    elif arguments.command == "train":
        train_part(arguments)
    elif arguments.command == "export":
        from .export import export

        export(arguments.run, arguments.checkpoint)
    elif arguments.command == "unpack":
        from .export import unpack

        unpack(arguments.checkpoint, arguments.run)
    else:
        from .demo_clip import write_demo

        write_demo(arguments.folder, arguments.seed, arguments.template)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="actionmesh.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True)
    data = commands.add_parser("data", help="make shards of toys")
    data.add_argument("data", type=Path)
    data.add_argument("--sequences", type=int, default=3000)
    data.add_argument("--first-seed", type=int, default=1_000_000, help="unseen toys have seeds under a million")
    data.add_argument("--no-pictures", action="store_true")
    data.add_argument("--workers", type=int, default=os.cpu_count())
    train = commands.add_parser("train", help="train one part")
    train.add_argument("part")
    train.add_argument("data", type=Path)
    train.add_argument("run", type=Path)
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--sizes", default="toy")
    train.add_argument("--threads", type=int)
    export = commands.add_parser("export", help="write the trained parts as a checkpoint")
    export.add_argument("run", type=Path)
    export.add_argument("checkpoint", type=Path)
    unpack = commands.add_parser("unpack", help="make a run of a checkpoint's parts")
    unpack.add_argument("checkpoint", type=Path)
    unpack.add_argument("run", type=Path)
    clip = commands.add_parser("clip", help="render a toy as the bundled clip")
    clip.add_argument("folder", type=Path)
    clip.add_argument("--seed", type=int, required=True)
    clip.add_argument("--template")
    return top


def make_data(folder: Path, first_seed: int, sequences: int, pictures: bool, workers: int) -> None:
    """Shards are made by `workers` processes; those that are there already are left alone."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    import torch

    from .data import SHARD, make_shard

    firsts = range(first_seed, first_seed + sequences, SHARD)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for path in pool.map(make_shard, [folder] * len(firsts), firsts, [pictures] * len(firsts)):
            print(path.name, flush=True)


def train_part(arguments: argparse.Namespace) -> None:
    import torch

    from .recipes import RECIPES
    from .run import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    recipe = RECIPES[arguments.part]
    overrides = {name: getattr(arguments, name) for name in ("minutes", "steps") if getattr(arguments, name) is not None}
    recipe = replace(recipe, loop=replace(recipe.loop, **overrides))
    train(arguments.part, arguments.data, arguments.run, arguments.sizes, recipe)


if __name__ == "__main__":
    main()
