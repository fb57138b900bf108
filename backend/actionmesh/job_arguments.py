"""The arguments of the commands `animate` and `match`, and the jobs that they describe."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from .presets import PRESETS, Preset
from .protocol import (
    Animate,
    Facing,
    FrameChoice,
    KnownShape,
    Match,
    Memory,
    ReferencePose,
    Rematch,
    ResultFormat,
    Shape,
)  # fmt: skip
from .protocol.limits import is_enum, kinds

SMALLEST = Memory.GB_6
METAVARS: dict[Any, str] = {int: "N", float: "X"}
Commands = argparse._SubParsersAction

EXAMPLES = """\
examples:
  python -P -m actionmesh animate dog.mp4 -o dog.glb
      makes a mesh from the first frame and animates it through the whole clip
  python -P -m actionmesh animate walk/ --mesh panda.glb -o walking.glb -o walking.png
      animates your own mesh (its vertices, UVs and textures stay) and draws a contact sheet too
  python -P -m actionmesh animate long.mp4 --spread 32 --in-betweens 3 -o long.glb
      takes 32 frames spread over a long clip, and makes three poses between every two of them
  python -P -m actionmesh animate jump.mov --mesh rest.glb --known 40=landed.glb --anchor 0 -o jump.glb
      also gives the shape in a second frame
"""


def add_animate(commands: Commands, run: Callable[[argparse.Namespace], None]) -> None:
    parser = commands.add_parser(
        "animate",
        help="turn a clip into an animated mesh",
        description="Animates a mesh as the subject of a clip moves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("clip", metavar="CLIP", help="video file, image folder, or pattern such as walk_*.png")
    _add_files(parser.add_argument_group("files"))
    _add_frames(parser.add_argument_group("frames"))
    _add_match(parser.add_argument_group("match"))
    _add_model(parser.add_argument_group("model"))
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def add_match(commands: Commands, run: Callable[[argparse.Namespace], None]) -> None:
    parser = commands.add_parser(
        "match",
        help="match a finished animation to its clip again",
        description="Matches a finished animation to its clip with other choices, from the poses that the networks "
        "made; no network runs.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("result", metavar="RESULT", help="a .safetensors that `animate` wrote")
    parser.add_argument("clip", metavar="CLIP", nargs="?", help="the clip, if it is no longer where it was")
    _add_out(parser)
    _add_field(parser, "mask", "masks of the subject, instead of those that were given before")
    _add_match(parser)
    _add_shape(parser)
    _add_field(parser, "checkpoint", "name (see info) or folder of the weights that remove the background")
    _add_machine(parser)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def _add_field(group: argparse._ActionsContainer, name: str, help: str, record: type = Animate, **other: Any) -> None:
    """Add the option for a field of a job, with the field's type, choices and default."""
    kind = kinds(record)[name]
    defaults: dict[str, Any] = {item.name: item.default for item in fields(record)}
    how: dict[str, Any] = {"metavar": METAVARS[kind], "type": kind} if kind in METAVARS else {}
    if is_enum(kind):
        how = {"choices": [str(choice) for choice in kind]}
    elif kind is bool:
        how = {"action": "store_true"}
    group.add_argument(f"--{name.replace('_', '-')}", help=help, **({"default": defaults[name]} | how | other))


def _add_out(group: argparse._ActionsContainer) -> None:
    mesh, sheet, film = ResultFormat.ANIMATED_MESH, ResultFormat.CONTACT_SHEET, ResultFormat.FILM
    group.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        action="append",
        required=True,
        help=f"file to write, can be repeated: {mesh} (animated), {ResultFormat.ARRAYS} or {ResultFormat.NUMPY_ARRAYS} "
        f"(arrays), {sheet} or {film} (preview next to the clip), a name without ending (a folder with a mesh for each "
        "pose)",
    )


def _add_match(group: argparse._ActionsContainer) -> None:
    _add_field(
        group,
        "match",
        f"how to match the animation to the clip: {Match.REFINE} bends the networks' poses, {Match.TRACK} follows the "
        f"clip from the still mesh, {Match.AUTO} bends poses that explain the clip and otherwise takes the better way, "
        f"if your mesh stands as the reference frame shows it, {Match.OFF} leaves the networks' poses (default: "
        "%(default)s)",
    )
    _add_field(
        group,
        "facing",
        "the side of your mesh that the camera sees in the reference frame, an axis with +Y up; auto finds it "
        "(default: %(default)s)",
    )


def _add_shape(group: argparse._ActionsContainer) -> None:
    _add_field(
        group,
        "shape",
        f"where the mesh comes from without --mesh: {Shape.NETWORK}, or {Shape.RELIEF}, the subject's outline inflated "
        "(default: %(default)s)",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    _add_out(group)
    _add_field(group, "mesh", "your mesh, posed as in the anchor frame; without it one is made from that frame")
    _add_field(group, "mask", "masks of the subject that go with the frames: folder, pattern or video")
    _add_field(
        group,
        "known",
        "an additional chosen frame whose shape is known; can be repeated",
        metavar="FRAME=MESH",
        type=parse_known,
        action="append",
        default=[],
    )


def _add_frames(group: argparse._ArgumentGroup) -> None:
    _add_field(group, "start", "first frame of the clip, counted from 0", FrameChoice)
    _add_field(group, "count", "how many frames (default: all that are left)", FrameChoice)
    _add_field(group, "step", "every N-th frame", FrameChoice)
    _add_field(group, "spread", "instead of --step: N frames spread evenly over the clip", FrameChoice)
    _add_field(
        group,
        "anchor",
        "reference frame, among those chosen; -1 is the last (default: the first, or for a relief the one that shows "
        "limbs best)",
    )
    _add_field(group, "fps", "frames per second, for pictures or instead of a video's own")
    _add_field(group, "in_betweens", "poses to make between every two frames")


def _add_model(group: argparse._ArgumentGroup) -> None:
    _add_field(group, "preset", f"amount of work: {', '.join(PRESETS)}")
    _add_field(group, "seed", "the same seed gives the same result")
    _add_field(group, "steps", "denoising steps, instead of the preset's")
    _add_field(group, "guidance", "how closely to follow the clip, instead of the preset's")
    _add_shape(group)
    _add_field(
        group,
        "colours",
        "paint your own mesh with what the clip shows of it; a .glb then holds the mesh in these colours, without the "
        "materials, nodes and skins of its file (a mesh that is made from the clip is always painted)",
    )
    made = "of the mesh that is made without --mesh"
    _add_field(group, "image_steps", f"denoising steps {made}, instead of the preset's")
    _add_field(group, "max_faces", f"most faces {made}, instead of the preset's")
    _add_field(
        group,
        "smallest_part",
        f"parts {made} are dropped if they have fewer faces than this share of the largest part's, instead of the "
        f"preset's {Preset.smallest_part}; 0 keeps all",
        metavar="SHARE",
    )
    _add_reference_pose(group)
    _add_field(group, "checkpoint", "name (see info) or folder of the weights")
    _add_machine(group)


def _add_machine(group: argparse._ActionsContainer) -> None:
    _add_field(group, "device", "auto, cpu, cuda, cuda:1 or mps")
    _add_field(group, "memory", "GB of the card that the job is fitted to (default: %(default)s)")
    group.add_argument(
        "--low-memory", dest="memory", action="store_const", const=SMALLEST, help=f"the same as --memory {SMALLEST}"
    )


def _add_reference_pose(group: argparse._ArgumentGroup) -> None:
    corrected, published, decoded = ReferencePose.CORRECTED, ReferencePose.PUBLISHED, ReferencePose.DECODED
    _add_field(
        group,
        "reference_pose",
        f"{corrected}: the anchor pose is exactly the reference mesh, and the network's error there is subtracted from "
        f"every pose (default for your own mesh); {published}: the anchor pose is exactly the reference mesh, the "
        f"others are as decoded; {decoded}: every pose is as decoded (default without --mesh)",
    )
    for flag, pose in (("--keep-reference-pose", corrected), ("--no-keep-reference-pose", decoded)):
        same = f"the same as --reference-pose {pose}"
        group.add_argument(flag, dest="reference_pose", action="store_const", const=pose, help=same)


def parse_known(text: str) -> KnownShape:
    """Parse FRAME=MESH; raise ArgumentTypeError, which argparse reports, for anything else."""
    frame, equals, mesh = text.partition("=")
    if not (equals and mesh and frame.removeprefix("-").isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not FRAME=MESH, such as 12=pose.glb")
    return KnownShape(int(frame), mesh)


def job_of(chosen: argparse.Namespace) -> Animate:
    """Return the job that the arguments describe."""
    return Animate(
        **_given(Animate, chosen, known=tuple(chosen.known), frames=FrameChoice(**_given(FrameChoice, chosen)))
    )


def rematch_of(chosen: argparse.Namespace) -> Rematch:
    """Return the job that the arguments of `match` describe."""
    return Rematch(**_given(Rematch, chosen))


def _given(record: type, chosen: argparse.Namespace, **others: Any) -> dict[str, Any]:
    """Return the fields of a record from the arguments, except those in `others`."""
    given = others | {
        name: value for name, value in vars(chosen).items() if name in kinds(record) and name not in others
    }
    choices = {
        name: kinds(record)[name](value) for name, value in given.items() if is_enum(kinds(record)[name]) and value
    }
    return given | choices | ({"out": tuple(chosen.out)} if "out" in given else {})


def joined_axes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--facing -Z` as one word, because argparse would take the axis as an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--facing" and argument in list(Facing):
            joined[-1] = f"--facing={argument}"
        else:
            joined.append(argument)
    return joined
