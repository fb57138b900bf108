"""The command `evaluate`: measure predictions or a checkpoint on a benchmark, or draw contact sheets."""

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .errors import InputError
from .presets import PRESETS
from .protocol import PresetName

Commands = argparse._SubParsersAction


def add_evaluate(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("evaluate", help="measure predictions on ActionBench, or a checkpoint on Toybench")
    kinds = parser.add_subparsers(required=True, metavar="BENCHMARK")
    for add, run in (
        (_add_actionbench, run_actionbench),
        (_add_toybench, run_toybench),
        (_add_tracked, run_tracked),
        (_add_sheet, run_sheet),
        (_add_characters, run_characters),
        (_add_reliefs, run_reliefs),
        (_add_approximations, run_approximations),
        (_add_subject, run_subject),
    ):
        chosen = add(kinds)
        chosen.set_defaults(run=run)
        chosen.add_argument(
            "--device", default="cpu", help="where to compute: cpu, cuda, cuda:1 (default: %(default)s)"
        )
        chosen.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _add_actionbench(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "actionbench",
        help="CD-3D, CD-4D and CD-M of predicted animations",
        description="Measure predicted animations. Scenes already in the CSV are not measured again.",
    )
    parser.add_argument("truth", metavar="TRUTH", type=Path, help="folder with UID/surfaces.npy of every scene")
    parser.add_argument(
        "predictions", metavar="PREDICTIONS", type=Path, help="folder with UID/mesh_*.glb or UID.safetensors"
    )
    parser.add_argument("-o", "--output", metavar="CSV", type=Path, required=True, help="rows, with a .json summary")
    _add_count(parser, "points", 10_000, "points of each cloud")
    _add_count(parser, "steps", 200, "steps of an alignment")
    parser.add_argument(
        "--keep",
        metavar="N",
        type=_positive,
        help="continue only the N best of the 24 starts after 30 steps on 1000 points; the defaults are as published",
    )
    return parser


def _add_toybench(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "toybench",
        help="measure a checkpoint on unseen procedural sequences",
        description="Measure a checkpoint on procedural sequences with exact truth. Results already in the JSON are "
        "not measured again.",
    )
    _add_checkpoint(parser)
    parser.add_argument("-o", "--output", metavar="JSON", type=Path, required=True, help="numbers, with a .md table")
    _add_count(parser, "count", 64, "toys", int)
    _add_count(parser, "outsiders", 16, "sequences of other body plans", int)
    _add_count(parser, "ablations", 12, "toys on which switches are tried", int)
    _add_count(parser, "retrieved", 512, "training pictures to look up", int)
    _add_again(parser)
    return parser


def _add_tracked(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "tracked",
        help="measure a checkpoint on artists' animated characters",
        description="Measure a checkpoint on tracked files with the whole mesh, which blender_addon/dataset.py makes "
        "with --faces. Results already in the JSON are not measured again.",
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of tracked files, searched to any depth")
    _add_checkpoint(parser)
    parser.add_argument("-o", "--output", metavar="JSON", type=Path, required=True, help="numbers, with a .md table")
    parser.add_argument(
        "--manifest", metavar="CSV", type=Path, help="table with columns file, body_plan and split, to group results by"
    )
    _add_again(parser)
    return parser


def _add_sheet(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "sheet",
        help="draw a contact sheet of a checkpoint's results on Toybench's sequences",
        description="Draw the clip, the animated true mesh and the mesh made from the clip alone, for the first "
        "sequences of Toybench's two sets.",
    )
    _add_checkpoint(parser)
    parser.add_argument("-o", "--output", metavar="PNG", type=Path, required=True, help="the picture")
    _add_count(parser, "count", 12, "toys")
    _add_count(parser, "outsiders", 8, "sequences of other body plans")
    return parser


def _add_characters(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "characters",
        help="draw a contact sheet of animated characters, matched to their clips",
        description="Draw the clip of each character, its mesh matched to the clip, seen from the camera and from 50 "
        "degrees to the side, and the truth from the side.",
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of tracked files, searched to any depth")
    _add_checkpoint(parser)
    parser.add_argument("-o", "--output", metavar="PNG", type=Path, required=True, help="the picture")
    return parser


def _add_reliefs(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "reliefs",
        help="draw a sheet of clips and their reliefs from several sides",
        description="Draw two frames of each clip, each next to its relief from the front and from 40 and 60 degrees.",
    )
    parser.add_argument(
        "clips", metavar="CLIP", nargs="+", help="video file, image folder, or pattern such as walk_*.png"
    )
    parser.add_argument("-o", "--output", metavar="PNG", type=Path, required=True, help="the picture")
    return parser


def _add_approximations(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "approximations",
        help="measure what faster ways of sampling save and cost",
        description="Measure every approximation of sampling against its exact run, on Toybench's toys. Results "
        "already in the JSON are not measured again.",
    )
    _add_weights(parser)
    parser.add_argument("-o", "--output", metavar="JSON", type=Path, required=True, help="records, with a .md table")
    _add_count(parser, "count", 12, "toys")
    return parser


def _add_subject(kinds: "Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        "subject",
        help="measure how well the subject of an ordinary clip is found without a download",
        description="Measure J and F of DAVIS on toys, and on clips with alpha, in front of backgrounds made by code.",
    )
    parser.add_argument("clips", metavar="CLIP", nargs="*", help="clips with an alpha channel, in addition to toys")
    parser.add_argument("-o", "--output", metavar="JSON", type=Path, required=True, help="numbers, with a .md table")
    _add_count(parser, "count", 12, "toys", int)
    _add_count(parser, "seed", 100, "of toys and backgrounds", int)
    return parser


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="name (see info) or folder of the weights")


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    _add_weights(parser)
    parser.add_argument(
        "--preset", default=str(PresetName.DEMO), help=f"amount of work: {', '.join(PRESETS)} (default: %(default)s)"
    )


def _add_again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--again",
        metavar="ROW",
        action="append",
        default=[],
        help="measure this row again, such as match, refine or track after a change of match; can be repeated. An "
        "interrupted run continues without it",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _add_count(
    parser: argparse.ArgumentParser, name: str, default: int, about: str, kind: Callable[[str], int] = _positive
) -> None:
    parser.add_argument(f"--{name}", type=kind, default=default, help=f"{about} (default: %(default)s)")


def run_actionbench(chosen: argparse.Namespace) -> None:
    bench, alignment = _module("actionbench"), _module("alignment")
    pruning = alignment.Pruning(keep=min(chosen.keep, 24)) if chosen.keep else None
    settings = bench.BenchSettings(
        chosen.points, alignment.AlignmentSettings(chosen.points, chosen.steps, pruning=pruning)
    )
    device = import_module("actionmesh.memory.runtime").choose_device(chosen.device)
    summary = bench.evaluate(chosen.truth, chosen.predictions, chosen.output, settings, device)
    for uid, problem in summary["failures"].items():
        print(f"{uid}: {problem}")
    print(f"{summary['measured']} of {summary['scenes']} scenes measured, {summary['failed']} failed")
    for name in ("cd_3d", "cd_4d", "cd_m"):
        value = summary[name]
        print(f"  {name.upper().replace('_', '-'):<6} {'n/a' if value is None else f'{value:.4f}'}")


def run_toybench(chosen: argparse.Namespace) -> None:
    bench, model = _module("toybench"), _open_model(chosen)
    extent = bench.Extent(chosen.count, chosen.outsiders, chosen.ablations, chosen.retrieved)
    results = bench.evaluate(model, chosen.preset, extent, chosen.output, chosen.again)
    _show(_module("toybench_table").table(results), chosen.output)


def run_tracked(chosen: argparse.Namespace) -> None:
    cast = _module("tracked_subjects").Cast.of(chosen.folder, chosen.manifest)
    model = _open_model(chosen)
    results = _module("tracked_bench").evaluate(model, chosen.preset, cast, chosen.output, chosen.again)
    _show(_module("tracked_table").table(results), chosen.output)


def run_approximations(chosen: argparse.Namespace) -> None:
    bench, model = _module("approximations"), _open_model(chosen)
    records = bench.evaluate(model, chosen.count, chosen.output)
    _show(_module("approximations_table").table(records, model.facts.checkpoint.name), chosen.output)


def run_subject(chosen: argparse.Namespace) -> None:
    bench, results = _module("subject_bench"), []
    for scene in bench.scenes(chosen.seed, chosen.count, chosen.clips):
        results += [bench.measured(scene, way) for way in bench.WAYS]
        print(f"{scene.name}: J {results[-2]['region']:.3f}, with one point {results[-1]['region']:.3f}", flush=True)
    import_module("actionmesh.files.atomic").write_text(chosen.output, json.dumps(results, indent=1))
    _show(bench.table(results), chosen.output)


def run_sheet(chosen: argparse.Namespace) -> None:
    sheets, model = _module("sheets"), _open_model(chosen)
    _draw(sheets.sheet(model, chosen.preset, chosen.count, chosen.outsiders), chosen.output)


def run_characters(chosen: argparse.Namespace) -> None:
    cast = _module("tracked_subjects").Cast.of(chosen.folder)
    model = _open_model(chosen)
    _draw(_module("character_sheet").character_sheet(cast, model, chosen.preset), chosen.output)


def run_reliefs(chosen: argparse.Namespace) -> None:
    picture, overlaps = _module("relief_sheet").relief_sheet(chosen.clips)
    for clip, overlap in zip(chosen.clips, overlaps, strict=True):
        print(f"{clip}: fits the clip to {overlap:.0%}")
    _draw(picture, chosen.output)


def _open_model(chosen: argparse.Namespace):
    """Open the checkpoint that the command line names, on its device."""
    folder = import_module("actionmesh.jobs").checkpoint_folder(chosen.checkpoint)
    return import_module("actionmesh.memory.model").open_model(folder, chosen.device)


def _show(table: str, output: Path) -> None:
    """Write a table next to a benchmark's numbers, and print it."""
    import_module("actionmesh.files.atomic").write_text(output.with_suffix(".md"), table)
    print(table)


def _draw(picture, output: Path) -> None:
    """Write a picture (height, width, 3) uint8 as PNG, and print its path."""
    image, write_atomically = import_module("PIL.Image"), import_module("actionmesh.files.atomic").write_atomically
    write_atomically(output, lambda part: image.fromarray(picture).save(part, format="png", optimize=True))
    print(output)


def _module(name: str):
    """Import a module of `evaluation` by name, only when it is needed: importing them is slow.

    Raises:
        InputError: this is the extension's copy of the backend, which has no benchmarks.
    """
    if find_spec("actionmesh.evaluation") is None:
        raise InputError("The extension for Blender has no benchmarks.", "Run evaluate in a clone of the repository.")
    return import_module(f"actionmesh.evaluation.{name}")
