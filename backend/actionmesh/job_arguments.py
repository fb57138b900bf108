"""The arguments of the commands `animate`, `generate`, `match` and `rig`, and the jobs that they describe."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from .errors import InputError
from .presets import PRESETS, Preset
from .protocol import (
    MOST_BONES,
    USUAL_BONES,
    Animate,
    Area,
    Facing,
    FrameChoice,
    Generate,
    KnownShape,
    Match,
    Memory,
    Picks,
    ReferencePose,
    Rematch,
    ResultFormat,
    Rig,
    Shape,
    Spot,
)
from .protocol.limits import is_enum, kinds

MADE, POSE = "of the mesh that is made without --mesh", ReferencePose
SPOT = "[FRAME:]X,Y"
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
  python -P -m actionmesh animate phone.mp4 --point 640,360 --not-point 900,650 -o phone.glb
      points at the subject of a clip with an ordinary background
  python -P -m actionmesh animate jump.mov --mesh rest.glb --known 40=landed.glb --anchor 0 -o jump.glb
      also gives the shape in a second frame
"""


GENERATE_EXAMPLES = """\
examples:
  python -P -m actionmesh generate "a fox jumps over a log" -o fox.glb
      makes a clip, fox_clip.mp4, and from it a mesh that moves
  python -P -m actionmesh generate "it wags its tail" --picture fox.png -o fox.glb
      the clip begins with a picture
  python -P -m actionmesh generate "the robot waves" --mesh robot.glb -o waving.glb
      animates your own mesh; the clip begins with a render of it
  python -P -m actionmesh animate fox_clip.mp4 -o again.glb --preset quality
      uses a clip again
"""


def parse_known(text: str) -> KnownShape:
    """Parse FRAME=MESH; raise ArgumentTypeError, which argparse reports, for anything else."""
    frame, equals, mesh = text.partition("=")
    if not (equals and mesh and frame.removeprefix("-").isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not FRAME=MESH, such as 12=pose.glb")
    return KnownShape(int(frame), mesh)


def parse_spot(text: str) -> Spot:
    """Parse [FRAME:]X,Y; raise ArgumentTypeError for anything else."""
    frame, (x, y) = _place(text, 2, "[FRAME:]X,Y, such as 320,180 or 12:320,180")
    return Spot(x, y, frame)


def parse_area(text: str) -> Area:
    """Parse [FRAME:]X0,Y0,X1,Y1; raise ArgumentTypeError for anything else."""
    frame, (left, top, right, bottom) = _place(text, 4, "[FRAME:]X0,Y0,X1,Y1, such as 40,20,600,340")
    return Area(left, top, right, bottom, frame)


def _place(text: str, count: int, form: str) -> tuple[int | None, list[float]]:
    frame, colon, rest = text.rpartition(":")
    words = rest.split(",")
    try:
        if len(words) == count and (not colon or frame.isdecimal()):
            return int(frame) if colon else None, [float(word) for word in words]
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not {form}")


HELP = {
    "mesh": "your mesh, posed as in the anchor frame; without it one is made from that frame",
    "mask": "masks of the subject that go with the frames: folder, pattern or video",
    "known": "an additional chosen frame whose shape is known; can be repeated",
    "point": "a point of the subject, in pixels of the clip's own frames from their top left corner, in a frame of the "
    "clip counted from 0 (default: the reference frame); can be repeated",
    "not_point": "a point that is not the subject; can be repeated",
    "box": "a box that holds the whole subject; can be repeated for other frames",
    "masks_from": "folder of masks that an earlier job kept beside its result, such as dog_masks; used again for "
    "the same clip, frames and points",
    "start": "first frame of the clip, counted from 0",
    "count": "how many frames (default: all that are left)",
    "step": "every N-th frame",
    "spread": "instead of --step: N frames spread evenly over the clip",
    "anchor": "reference frame, among those chosen; -1 is the last (default: the first, or one that shows your mesh as "
    "it stands if the first does not; for a relief the one that shows limbs best)",
    "fps": "frames per second, for pictures or instead of a video's own",
    "in_betweens": "poses to make between every two frames",
    "match": f"how to match the animation to the clip: {Match.REFINE} bends the networks' poses, {Match.TRACK} "
    f"follows the clip from the still mesh, {Match.AUTO} bends poses that explain the clip and otherwise takes the "
    f"better way, if your mesh stands as the reference frame shows it, {Match.OFF} leaves the networks' poses "
    "(default: %(default)s)",
    "facing": "the side of your mesh that the camera sees in the reference frame, an axis with +Y up; auto finds it "
    "(default: %(default)s)",
    "bend": "bend your mesh into the reference frame if it stands as no frame shows it; what that frame hides, above "
    "all depth, is a guess",
    "preset": f"amount of work: {', '.join(PRESETS)}",
    "seed": "the same seed gives the same result",
    "steps": "denoising steps, instead of the preset's",
    "guidance": "how closely to follow the clip, instead of the preset's",
    "shape": f"where the mesh comes from without --mesh: {Shape.NETWORK}, or {Shape.RELIEF}, the subject's outline "
    "inflated (default: %(default)s)",
    "colours": "paint your own mesh with what the clip shows of it; a .glb then holds the mesh in these colours, "
    "without the materials, nodes and skins of its file (a mesh that is made from the clip is always painted)",
    "image_steps": f"denoising steps {MADE}, instead of the preset's",
    "max_faces": f"most faces {MADE}, instead of the preset's",
    "smallest_part": f"parts {MADE} are dropped if they have fewer faces than this share of the largest part's, "
    f"instead of the preset's {Preset.smallest_part}; 0 keeps all",
    "reference_pose": f"{POSE.CORRECTED}: the anchor pose is exactly the reference mesh, and the network's error "
    f"there is subtracted from every pose (default for your own mesh); {POSE.PUBLISHED}: the anchor pose is exactly "
    f"the reference mesh, the others are as decoded; {POSE.DECODED}: every pose is as decoded (default without "
    "--mesh)",
    "prompt": "what the subject is and does, in any language the model knows",
    "clip": "where the clip is kept, an .mp4 (default: next to the first output, such as fox_clip.mp4)",
    "picture": "a picture of the subject, with which the clip begins; its background must be plain or transparent, "
    "unless the weights that remove backgrounds are installed",
    "video_model": "wan-5b, wan-1.3b or cogvideox-2b (see download), or the folder of one (default: the best that is "
    "downloaded and suits)",
    "clip_frames": "about how many frames the clip has (default: the model's own, 49)",
    "clip_steps": "denoising steps of the clip (default: the model's own)",
    "clip_guidance": "how closely the clip follows the text (default: the model's own)",
    "clip_side": "longer side of the clip in pixels (default: the model's own); less is faster and takes less memory",
    "bones": f"number of bones; with --error, the most (default: {USUAL_BONES}, with --error {MOST_BONES})",
    "error": "instead of a number: as many bones as it takes for an error of at most X percent of the mesh's size "
    "(root mean square of the vertices' distances, size: diagonal of the box)",
    "quantise": "store the poses of a .glb with 8 or 16 bits, and only where they move, every vertex within X percent "
    "of the mesh's size; 0.05 halves most files (default: floats)",
    "checkpoint": "name (see info) or folder of the weights",
    "device": "auto, cpu, cuda, cuda:1 or mps",
    "memory": "GB of the card that the job is fitted to (default: %(default)s)",
}
"""What the options say of themselves, by the field of a job that each sets."""
GENERATED_MESH = (
    "your mesh; unless there is a --picture, the clip begins with a render of it from the side of --facing (auto: the "
    "front)"
)
SPECIAL: dict[str, dict[str, Any]] = {
    "known": {"metavar": "FRAME=MESH", "type": parse_known, "action": "append", "default": []},
    "point": {"metavar": SPOT, "type": parse_spot, "action": "append", "default": []},
    "not_point": {"metavar": SPOT, "type": parse_spot, "action": "append", "default": []},
    "box": {"metavar": "[FRAME:]X0,Y0,X1,Y1", "type": parse_area, "action": "append", "default": []},
    "smallest_part": {"metavar": "SHARE"},
    "masks_from": {"metavar": "FOLDER"},
}
SHORT = {
    "low-memory": ("memory", Memory.GB_6),
    "keep-reference-pose": ("reference_pose", POSE.CORRECTED),
    "no-keep-reference-pose": ("reference_pose", POSE.DECODED),
}
"""Options that stand for one choice of another."""


def add_animate(commands: Commands, run: Callable[[argparse.Namespace], None]) -> None:
    parser = commands.add_parser(
        "animate",
        help="turn a clip into an animated mesh",
        description="Animates a mesh as the subject of a clip moves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_animate_arguments(parser)


def add_animate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what describes one job: its clip, its files and its choices."""
    parser.add_argument("clip", metavar="CLIP", help="video file, image folder, or pattern such as walk_*.png")
    files = parser.add_argument_group("files")
    _add_out(files)
    _add(files, "mesh", "mask", "known", "quantise")
    subject = parser.add_argument_group(
        "subject", "what to cut out of a clip without alpha or masks; without points and boxes it is found by itself"
    )
    _add(subject, "point", "not_point", "box", record=Picks)
    _add(subject, "masks_from")
    add_choices(parser)


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the choices of a job that name no file of its own, so that several jobs may share them."""
    frames = parser.add_argument_group("frames")
    _add(frames, "start", "count", "step", "spread", record=FrameChoice)
    _add(frames, "anchor", "fps", "in_betweens")
    _add(parser.add_argument_group("match"), "match", "facing", "bend")
    model = parser.add_argument_group("model")
    _add(model, "preset", "seed", "steps", "guidance", "shape", "colours", "image_steps", "max_faces", "smallest_part")
    _add(model, "reference_pose")
    _add_short(model, "keep-reference-pose", "no-keep-reference-pose")
    _add(model, "checkpoint", "device", "memory")
    _add_short(model, "low-memory")


def add_generate(commands: Commands, run: Callable[[argparse.Namespace], None]) -> None:
    parser = commands.add_parser(
        "generate",
        help="turn a text, with or without a picture or a mesh, into an animated mesh",
        description="Makes a clip of what a text says with a video model, keeps it as a file, and animates a mesh as\n"
        "the subject of that clip moves. The clip can be used again with `animate`.",
        epilog=GENERATE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("prompt", metavar="TEXT", help=HELP["prompt"])
    files = parser.add_argument_group("files")
    _add_out(files)
    _add(files, "mesh", help=GENERATED_MESH)
    _add(files, "picture", record=Generate)
    files.add_argument("--clip", metavar="CLIP", help=HELP["clip"])
    _add(files, "known", "quantise")
    clip = parser.add_argument_group("clip")
    _add(clip, "video_model", "clip_frames", "clip_steps", "clip_guidance", "clip_side", record=Generate)
    add_choices(parser)
    parser.set_defaults(mask=None, masks_from=None)  # a clip that does not exist yet has no masks


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
    _add(parser, "mask", help="masks of the subject, instead of those that were given before")
    _add(parser, "quantise")
    _add(parser, "match", "facing", "shape")
    _add(parser, "checkpoint", help="name (see info) or folder of the weights that remove the background")
    _add(parser, "device", "memory")
    _add_short(parser, "low-memory")


def add_rig(commands: Commands, run: Callable[[argparse.Namespace], None]) -> None:
    parser = commands.add_parser(
        "rig",
        help="find bones that move the mesh of a finished animation",
        description="Finds bones, their hierarchy and the mesh's weights (at most four bones for a vertex) from a "
        "finished animation by skinning decomposition, and writes a skinned mesh that game engines play.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("result", metavar="RESULT", help="a .safetensors that `animate` or `match` wrote")
    mesh, arrays = ResultFormat.ANIMATED_MESH, ResultFormat.ARRAYS
    about = f"file to write, can be repeated: {mesh} (skinned and animated), {arrays} (the rig's arrays)"
    parser.add_argument("-o", "--out", metavar="OUT", action="append", required=True, help=about)
    _add(parser, "bones", "error", record=Rig)


def _add(group: argparse._ActionsContainer, *names: str, record: type = Animate, help: str = "") -> None:
    """Add the options for fields of a job, with each field's type, choices and default."""
    defaults: dict[str, Any] = {item.name: item.default for item in fields(record)}
    for name in names:
        kind, how = kinds(record)[name], {"default": defaults[name]}
        if is_enum(kind):
            how |= {"choices": [str(choice) for choice in kind]}
        elif kind is bool:
            how |= {"action": "store_true"}
        elif kind in METAVARS:
            how |= {"metavar": METAVARS[kind], "type": kind}
        group.add_argument(f"--{name.replace('_', '-')}", help=help or HELP[name], **how | SPECIAL.get(name, {}))


def _add_short(group: argparse._ActionsContainer, *flags: str) -> None:
    for flag in flags:
        name, choice = SHORT[flag]
        same = f"the same as --{name.replace('_', '-')} {choice}"
        group.add_argument(f"--{flag}", dest=name, action="store_const", const=choice, help=same)


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


def job_of(chosen: argparse.Namespace) -> Animate:
    """Return the job that the arguments describe."""
    frames, picks = (record(**_fields(record, vars(chosen))) for record in (FrameChoice, Picks))
    return Animate(**_fields(Animate, vars(chosen) | {"frames": frames, "picks": picks}))


def generation_of(chosen: argparse.Namespace) -> Generate:
    """Return the job that the arguments of `generate` describe; its clip is kept next to the first output.

    Raises:
        InputError: that output has no name from which the clip's could follow.
    """
    first = Path(chosen.out[0])
    if not (chosen.clip or first.name):
        problem = f"The result {chosen.out[0]!r} has no name from which the clip's could follow."
        raise InputError(problem, "Name the result, such as fox.glb, or the clip with --clip.")
    clip = chosen.clip or str(first.with_name(f"{first.stem}_clip{ResultFormat.FILM}"))
    frames = FrameChoice(**_fields(FrameChoice, vars(chosen)))
    return Generate(**_fields(Generate, vars(chosen) | {"frames": frames, "clip": clip}))


def rematch_of(chosen: argparse.Namespace) -> Rematch:
    """Return the job that the arguments of `match` describe."""
    return Rematch(**_fields(Rematch, vars(chosen)))


def rig_of(chosen: argparse.Namespace) -> Rig:
    """Return the job that the arguments of `rig` describe."""
    return Rig(**_fields(Rig, vars(chosen)))


def _fields(record: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record from arguments, of which choices are texts, and repeated ones are lists."""
    return {name: _field(kind, given[name]) for name, kind in kinds(record).items() if name in given}


def _field(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return kind(value) if is_enum(kind) and value is not None else value


def joined_axes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--facing -Z` as one word, because argparse would take the axis as an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--facing" and argument in list(Facing):
            joined[-1] = f"--facing={argument}"
        else:
            joined.append(argument)
    return joined
