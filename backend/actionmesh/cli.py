"""The command line: `animate`, `evaluate`, `weights` and `info`. Reads arguments, shows bars, maps errors."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from threading import Event
from typing import Any

from . import __version__, jobs
from .downloads import add_weights
from .evaluate import add_evaluate
from .failures import explain
from .presets import PRESETS, Preset
from .progress import ProgressEvent
from .protocol import Animate, Animated, Checkpoint, Device, Frames, Kind, Known, Memory, ReferencePose

EXIT_FAULT, EXIT_ERROR, EXIT_CANCELLED = 1, 2, 130
SMALLEST = Memory.GB_6

EXAMPLES = """\
examples:
  python -m actionmesh animate dog.mp4 -o dog.glb
      makes a mesh from the first frame and animates it through the whole clip
  python -m actionmesh animate walk/ --mesh panda.glb -o walking.glb -o walking.png
      animates your own mesh (its vertices, UVs and textures stay) and draws a contact sheet too
  python -m actionmesh animate long.mp4 --spread 32 --in-betweens 3 -o long.glb
      takes 32 frames spread over a long clip, and makes three poses between every two of them
  python -m actionmesh animate jump.mov --mesh rest.glb --known 40=landed.glb --anchor 0 -o jump.glb
      is told the shape in a second frame as well
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns 0, 1 (a fault of ours), 2 (something to mend by the user) or 130 (Ctrl-C)."""
    chosen = build_parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return EXIT_CANCELLED
    except Exception as error:
        return report_failure(error, chosen.debug)
    return 0


def report_failure(error: Exception, debug: bool) -> int:
    """Says what went wrong in one sentence on standard error, with the traceback only if asked for; the exit code."""
    failure = explain(error)
    if debug:
        traceback.print_exception(error)
    if failure.kind is Kind.CANCELLED:
        print("Cancelled.", file=sys.stderr)
        return EXIT_CANCELLED
    if failure.kind is Kind.INTERNAL:
        print(f"actionmesh: {failure.problem} Run it again with --debug to see where.", file=sys.stderr)
        return EXIT_FAULT
    print(f"actionmesh: {failure}", file=sys.stderr)
    return EXIT_ERROR


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m actionmesh",
        description="Turns a video clip into an animated mesh.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ActionMesh {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_animate(commands)
    add_evaluate(commands)
    add_weights(commands)
    info = commands.add_parser("info", help="versions, devices and checkpoints of this machine")
    info.add_argument("--debug", action="store_true", help="show where an error comes from")
    info.set_defaults(run=run_info)
    return parser


def _add_animate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "animate",
        help="turn a clip into an animated mesh",
        description="Animates a mesh as the subject of a clip moves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_animate)
    parser.add_argument("clip", metavar="CLIP", help="video file, image folder, or pattern such as walk_*.png")
    _add_files(parser.add_argument_group("files"))
    _add_frames(parser.add_argument_group("frames"))
    _add_model(parser.add_argument_group("model"))
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        action="append",
        required=True,
        help="file to write, may be repeated: .glb (animated), .safetensors or .npz (arrays), .png or .mp4 (preview "
        "beside the clip), a name without ending (a folder with a mesh for each pose)",
    )
    group.add_argument("--mesh", help="your mesh, posed as in the anchor frame; without it one is made from that frame")
    group.add_argument("--mask", help="masks of the subject that go with the frames: folder, pattern or video")
    group.add_argument(
        "--known",
        metavar="FRAME=MESH",
        type=parse_known,
        action="append",
        default=[],
        help="a further chosen frame whose shape is known; may be repeated",
    )


def _add_frames(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--start", type=int, metavar="N", default=0, help="first frame of the clip, counted from 0")
    group.add_argument("--count", type=int, metavar="N", help="how many frames; all that are left without it")
    group.add_argument("--step", type=int, metavar="N", default=1, help="every N-th frame")
    group.add_argument("--spread", type=int, metavar="N", help="instead of --step: N frames spread evenly over the clip")
    group.add_argument("--anchor", type=int, metavar="N", default=0, help="reference frame, among those chosen; -1 is the last")
    group.add_argument("--fps", type=float, metavar="X", help="frames a second, for pictures or instead of a video's own")
    group.add_argument("--in-betweens", type=int, metavar="N", default=0, help="poses to make between every two frames")


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--preset", default=Animate.preset, help=f"amount of work: {', '.join(PRESETS)}")
    group.add_argument("--seed", type=int, metavar="N", default=0, help="the same seed gives the same result")
    group.add_argument("--steps", type=int, metavar="N", help="denoising steps, instead of the preset's")
    group.add_argument("--guidance", type=float, metavar="X", help="how closely to follow the clip, instead of the preset's")
    made = "of the mesh that is made where no --mesh is given"
    group.add_argument("--image-steps", type=int, metavar="N", help=f"denoising steps {made}, instead of the preset's")
    group.add_argument("--max-faces", type=int, metavar="N", help=f"most faces {made}, instead of the preset's")
    group.add_argument(
        "--smallest-part",
        type=float,
        metavar="SHARE",
        help=f"parts {made} are dropped if they have fewer faces than this share of the largest part's, instead of the preset's "
        f"{Preset.smallest_part}; 0 keeps all",
    )
    _add_reference_pose(group)
    group.add_argument("--checkpoint", help="name (see info) or folder of the weights")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    plans = [str(plan) for plan in Memory]
    group.add_argument("--memory", choices=plans, default="auto", help="GB of the card that the job is fitted to (default: auto)")
    group.add_argument("--low-memory", dest="memory", action="store_const", const=SMALLEST, help=f"the same as --memory {SMALLEST}")


def _add_reference_pose(group: argparse._ArgumentGroup) -> None:
    corrected, published, decoded = ReferencePose.CORRECTED, ReferencePose.PUBLISHED, ReferencePose.DECODED
    group.add_argument(
        "--reference-pose",
        choices=[str(pose) for pose in ReferencePose],
        help=f"{corrected}: the anchor pose is the reference mesh exactly, and what the network gets wrong there is taken off "
        f"every pose (default for your own mesh); {published}: the anchor pose is the reference mesh exactly, the others are as "
        f"they are decoded; {decoded}: every pose is as it is decoded (default without --mesh)",
    )
    for flag, pose in (("--keep-reference-pose", corrected), ("--no-keep-reference-pose", decoded)):
        same = f"the same as --reference-pose {pose}"
        group.add_argument(flag, dest="reference_pose", action="store_const", const=pose, help=same)


def parse_known(text: str) -> Known:
    """FRAME=MESH; a wrong one is argparse's to report."""
    frame, equals, mesh = text.partition("=")
    if not (equals and mesh and frame.removeprefix("-").isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not FRAME=MESH, such as 12=pose.glb")
    return Known(int(frame), mesh)


def job_of(chosen: argparse.Namespace) -> Animate:
    """The job that the arguments describe."""
    given = vars(chosen)
    nested: dict[str, Any] = {
        "out": tuple(given["out"]),
        "known": tuple(given["known"]),
        "frames": Frames(given["start"], given["count"], given["step"], given["spread"]),
        "memory": Memory(given["memory"]),
        "reference_pose": None if given["reference_pose"] is None else ReferencePose(given["reference_pose"]),
    }
    return Animate(**nested, **{item.name: given[item.name] for item in fields(Animate) if item.name not in nested})


def run_animate(chosen: argparse.Namespace) -> None:
    job = job_of(chosen)
    import_module("actionmesh.pipeline")  # slow, and Ctrl-C still works at once
    with Bars() as bars, interrupts() as asked:
        animated = jobs.run(job, jobs.Stores(), bars.report, asked.is_set)
    print_result(animated)


def print_result(animated: Animated) -> None:
    for path in animated.out:
        print(f"Wrote {path}")
    print(f"{animated.poses} poses of {animated.vertices} vertices and {animated.faces} faces, {animated.duration:.2f} s")
    if animated.retried_for_memory:
        print(f"Memory ran out on the way; it was finished with --memory {animated.plan}, which takes longer.")
    width = max(map(len, animated.timings))
    for stage, seconds in animated.timings.items():
        print(f"  {stage:<{width}}  {seconds:7.1f} s")


@contextmanager
def interrupts() -> Iterator[Event]:
    """Ctrl-C sets the event, so that the job stops between two steps; a second Ctrl-C stops it where it is."""
    asked = Event()

    def stop(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        os.write(2, b"\nStopping after this step; press Ctrl-C again to stop at once.\n")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class Bars:
    """A progress bar for each stage, on a terminal."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._bars: dict[str, tqdm] = {}

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *exception: object) -> None:
        for stage in self._bars:
            self._close(stage)

    def _close(self, stage: str) -> None:
        if stage in self._bars:
            self._bars[stage].close()

    def report(self, event: ProgressEvent) -> None:
        if event.step == 0:
            self._close(event.stage)
            self._bars[event.stage] = self._tqdm(total=event.total, desc=event.stage, disable=None, dynamic_ncols=True)
        bar = self._bars[event.stage]
        bar.update(event.step - bar.n)
        if event.step == event.total:
            self._close(event.stage)


def run_info(chosen: argparse.Namespace) -> None:
    from . import machine

    print(", ".join(f"{name} {version}" for name, version in machine.versions().items()))
    print("devices")
    for device in machine.devices():
        print(f"  {device.name:<8} {_memory(device)}  {device.description}")
    found = machine.checkpoints()
    print("checkpoints" if found else "no checkpoints")
    for checkpoint in found:
        print(f"  {checkpoint.name:<12} {_state(checkpoint)}  {checkpoint.path}")
        if checkpoint.licence:
            print(f"  {'':<12} licence: {checkpoint.licence}")


def _state(checkpoint: Checkpoint) -> str:
    missing = f"lacks {' and '.join(checkpoint.missing)}" if checkpoint.missing else "complete"
    return f"{checkpoint.kind:<8} {checkpoint.size / 2**20:8.1f} MiB  {missing}"


def _memory(device: Device) -> str:
    if device.memory_total is None:
        return "memory unknown"
    free = "?" if device.memory_free is None else f"{device.memory_free / 2**30:.1f}"
    return f"{free} of {device.memory_total / 2**30:.1f} GiB free"
