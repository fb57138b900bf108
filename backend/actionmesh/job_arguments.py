"""The arguments of the commands `animate` and `match`, and the jobs that they describe."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from .presets import PRESETS, Preset
from .protocol import Animate, Facing, Frames, Known, Match, Memory, ReferencePose, Rematch, Shape

SMALLEST = Memory.GB_6
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
    parser.add_argument("--mask", help="masks of the subject, instead of those that were given before")
    _add_match(parser)
    _add_shape(parser)
    parser.add_argument("--checkpoint", help="name (see info) or folder of the weights that remove the background")
    _add_machine(parser)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def _add_out(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        action="append",
        required=True,
        help="file to write, can be repeated: .glb (animated), .safetensors or .npz (arrays), .png or .mp4 (preview "
        "next to the clip), a name without ending (a folder with a mesh for each pose)",
    )


def _add_match(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--match",
        choices=[str(way) for way in Match],
        default=Match.AUTO,
        help=f"how to match the animation to the clip: {Match.REFINE} bends the networks' poses, {Match.TRACK} follows "
        f"the clip from the still mesh, {Match.AUTO} bends poses that explain the clip and otherwise takes the better "
        f"way, if your mesh stands as the reference frame shows it, {Match.OFF} leaves the networks' poses "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--facing",
        choices=[str(side) for side in Facing],
        default=Facing.AUTO,
        help="the side of your mesh that the camera sees in the reference frame, an axis with +Y up; auto finds it "
        "(default: %(default)s)",
    )


def _add_shape(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--shape",
        choices=[str(shape) for shape in Shape],
        default=Shape.AUTO,
        help=f"where the mesh comes from without --mesh: {Shape.NETWORK}, or {Shape.RELIEF}, the subject's outline "
        "inflated (default: %(default)s)",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    _add_out(group)
    group.add_argument("--mesh", help="your mesh, posed as in the anchor frame; without it one is made from that frame")
    group.add_argument("--mask", help="masks of the subject that go with the frames: folder, pattern or video")
    group.add_argument(
        "--known",
        metavar="FRAME=MESH",
        type=parse_known,
        action="append",
        default=[],
        help="an additional chosen frame whose shape is known; can be repeated",
    )


def _add_frames(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--start", type=int, metavar="N", default=0, help="first frame of the clip, counted from 0")
    group.add_argument("--count", type=int, metavar="N", help="how many frames (default: all that are left)")
    group.add_argument("--step", type=int, metavar="N", default=1, help="every N-th frame")
    group.add_argument(
        "--spread", type=int, metavar="N", help="instead of --step: N frames spread evenly over the clip"
    )
    group.add_argument(
        "--anchor",
        type=int,
        metavar="N",
        help="reference frame, among those chosen; -1 is the last (default: the first, or for a relief the one that "
        "shows limbs best)",
    )
    group.add_argument(
        "--fps", type=float, metavar="X", help="frames per second, for pictures or instead of a video's own"
    )
    group.add_argument("--in-betweens", type=int, metavar="N", default=0, help="poses to make between every two frames")


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--preset", default=Animate.preset, help=f"amount of work: {', '.join(PRESETS)}")
    group.add_argument("--seed", type=int, metavar="N", default=0, help="the same seed gives the same result")
    group.add_argument("--steps", type=int, metavar="N", help="denoising steps, instead of the preset's")
    group.add_argument(
        "--guidance", type=float, metavar="X", help="how closely to follow the clip, instead of the preset's"
    )
    _add_shape(group)
    group.add_argument(
        "--colours",
        action="store_true",
        help="paint your own mesh with what the clip shows of it; a .glb then holds the mesh in these colours, without "
        "the materials, nodes and skins of its file (a mesh that is made from the clip is always painted)",
    )
    made = "of the mesh that is made without --mesh"
    group.add_argument("--image-steps", type=int, metavar="N", help=f"denoising steps {made}, instead of the preset's")
    group.add_argument("--max-faces", type=int, metavar="N", help=f"most faces {made}, instead of the preset's")
    group.add_argument(
        "--smallest-part",
        type=float,
        metavar="SHARE",
        help=f"parts {made} are dropped if they have fewer faces than this share of the largest part's, instead of the "
        f"preset's {Preset.smallest_part}; 0 keeps all",
    )
    _add_reference_pose(group)
    group.add_argument("--checkpoint", help="name (see info) or folder of the weights")
    _add_machine(group)


def _add_machine(group: argparse._ActionsContainer) -> None:
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    plans = [str(plan) for plan in Memory]
    group.add_argument(
        "--memory", choices=plans, default="auto", help="GB of the card that the job is fitted to (default: auto)"
    )
    group.add_argument(
        "--low-memory", dest="memory", action="store_const", const=SMALLEST, help=f"the same as --memory {SMALLEST}"
    )


def _add_reference_pose(group: argparse._ArgumentGroup) -> None:
    corrected, published, decoded = ReferencePose.CORRECTED, ReferencePose.PUBLISHED, ReferencePose.DECODED
    group.add_argument(
        "--reference-pose",
        choices=[str(pose) for pose in ReferencePose],
        help=f"{corrected}: the anchor pose is exactly the reference mesh, and the network's error there is subtracted "
        f"from every pose (default for your own mesh); {published}: the anchor pose is exactly the reference mesh, the "
        f"others are as decoded; {decoded}: every pose is as decoded (default without --mesh)",
    )
    for flag, pose in (("--keep-reference-pose", corrected), ("--no-keep-reference-pose", decoded)):
        same = f"the same as --reference-pose {pose}"
        group.add_argument(flag, dest="reference_pose", action="store_const", const=pose, help=same)


def parse_known(text: str) -> Known:
    """Parse FRAME=MESH; raise ArgumentTypeError, which argparse reports, for anything else."""
    frame, equals, mesh = text.partition("=")
    if not (equals and mesh and frame.removeprefix("-").isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not FRAME=MESH, such as 12=pose.glb")
    return Known(int(frame), mesh)


def job_of(chosen: argparse.Namespace) -> Animate:
    """Return the job that the arguments describe."""
    given = vars(chosen)
    nested: dict[str, Any] = {
        "out": tuple(given["out"]),
        "known": tuple(given["known"]),
        "frames": Frames(given["start"], given["count"], given["step"], given["spread"]),
        "memory": Memory(given["memory"]),
        "match": Match(given["match"]),
        "facing": Facing(given["facing"]),
        "shape": Shape(given["shape"]),
        "reference_pose": None if given["reference_pose"] is None else ReferencePose(given["reference_pose"]),
    }
    return Animate(**nested, **{item.name: given[item.name] for item in fields(Animate) if item.name not in nested})


def rematch_of(chosen: argparse.Namespace) -> Rematch:
    """Return the job that the arguments of `match` describe."""
    given = vars(chosen)
    named = {name: given[name] for name in ("result", "clip", "mask", "checkpoint", "device")}
    choices: dict[str, Any] = {"match": Match(given["match"]), "facing": Facing(given["facing"])}
    choices |= {"shape": Shape(given["shape"]), "memory": Memory(given["memory"])}
    return Rematch(out=tuple(given["out"]), **named, **choices)


def joined_axes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--facing -Z` as one word, because argparse would take the axis as an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--facing" and argument in list(Facing):
            joined[-1] = f"--facing={argument}"
        else:
            joined.append(argument)
    return joined
