"""The command line: `animate`, `generate`, `batch`, `match`, `rig`, `evaluate`, `weights`, `download` and others.

This module shows progress bars and turns errors into sentences and exit codes. The arguments of `animate`,
`generate`, `match` and `rig` are in `job_arguments.py`.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from . import __version__, jobs, protocol
from .batch_command import add_batch
from .download_command import add_download
from .downloads import add_weights
from .ending import EXIT_CANCELLED, Signals, discard_parts, heard_signals, interrupts
from .errors import require_sound
from .evaluate import add_evaluate
from .failures import explain
from .generation import generate
from .job_arguments import (
    EXAMPLES,
    add_animate,
    add_generate,
    add_match,
    add_rig,
    generation_of,
    job_of,
    joined_axes,
    rematch_of,
    rig_of,
)
from .job_inputs import files_of_artist
from .job_outputs import check_places
from .progress import ProgressEvent
from .remote.errand import ask
from .remote.place import Place, add_place, place_of
from .remote_command import add_remote
from .rig_job import rig
from .stage_words import WORDS, in_words

EXIT_FAULT, EXIT_ERROR = 1, 2
OWN_ENTRY = "python -P -m actionmesh"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    The code is 0, 1 (a fault of the program), 2 (something the user can fix), or 128 plus the number of the signal that
    ended it.
    """
    speak_any_name()
    with heard_signals() as signals:
        try:
            return run_command(arguments, signals)
        except KeyboardInterrupt:
            discard_parts()
            print(signals.sentence, file=sys.stderr)
            return signals.exit_code


def run_command(arguments: list[str] | None, signals: Signals) -> int:
    """Do what `main` does; a signal raises KeyboardInterrupt, even if a library turned it into another error."""
    chosen = build_parser().parse_args(joined_axes(sys.argv[1:] if arguments is None else arguments))
    try:
        chosen.run(chosen)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of standard output has left; the results are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if signals.number is not None:
            raise KeyboardInterrupt from error
        return report_failure(error, chosen.debug)
    return 0


def speak_any_name() -> None:
    """Make file names printable that the terminal's encoding lacks, so that no long job fails on printing one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def report_failure(error: Exception, debug: bool) -> int:
    """Print what went wrong in one sentence on standard error, with a traceback only if asked; return the exit code."""
    failure = explain(error)
    if debug:
        traceback.print_exception(error)
    if failure.kind is protocol.Kind.CANCELLED:
        print("Cancelled.", file=sys.stderr)
        return EXIT_CANCELLED
    if failure.kind is protocol.Kind.INTERNAL:
        print(f"actionmesh: {failure.problem} Run it again with --debug to see where.", file=sys.stderr)
        return EXIT_FAULT
    print(f"actionmesh: {failure}", file=sys.stderr)
    return EXIT_ERROR


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=OWN_ENTRY,
        description="Turns a video clip into an animated mesh.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ActionMesh {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_animate(commands, run_animate)
    add_generate(commands, run_generate)
    add_batch(commands)
    add_match(commands, run_match)
    add_rig(commands, run_rig)
    add_evaluate(commands)
    add_weights(commands)
    add_download(commands)
    add_remote(commands)
    for name in ("animate", "generate", "match", "rig", "weights", "download"):
        commands.choices[name].add_argument("--debug", action="store_true", help="show where an error comes from")
    for name in ("animate", "generate", "match", "rig"):
        add_place(commands.choices[name].add_argument_group("another computer"))
    info = commands.add_parser("info", help="versions, devices and checkpoints of this machine")
    add_place(info)
    info.add_argument("--debug", action="store_true", help="show where an error comes from")
    info.set_defaults(run=run_info)
    return parser


def run_animate(chosen: argparse.Namespace) -> None:
    run_job(jobs.run, job_of(chosen), chosen)


def run_generate(chosen: argparse.Namespace) -> None:
    job = generation_of(chosen)
    run_job(generate, job, chosen)
    print(f"The clip is kept in {job.clip}")


def run_match(chosen: argparse.Namespace) -> None:
    run_job(jobs.rematch, rematch_of(chosen), chosen)


def run_job(
    work: Callable[..., protocol.Animated], job: protocol.Animate | protocol.Rematch, chosen: argparse.Namespace
) -> None:
    """Do a job behind progress bars, here or on the computer chosen, until Ctrl-C stops it; print what it made."""
    if place := place_of(chosen):
        print_result(run_elsewhere(place, job, chosen.debug))
        return
    import_module("actionmesh.pipeline")  # slow; done before `interrupts`, so that Ctrl-C still stops it at once
    with closing(Bars()) as bars, interrupts() as asked:
        animated = work(job, jobs.KeptModel(), bars.report, asked.is_set)
    print_result(animated)


def run_elsewhere(place: Place, job: protocol.Animate | protocol.Rematch | protocol.Rig, debug: bool) -> Any:
    """Do a job on another computer behind progress bars, until Ctrl-C stops it; return the answer."""
    require_sound(job)
    check_places(job.out, inputs_from_here(job))
    with closing(Bars()) as bars, interrupts() as asked:
        return ask(place, job, bars.report, asked.is_set, say, say if debug else lambda text: None)


def inputs_from_here(job: protocol.Animate | protocol.Rematch | protocol.Rig) -> list[Path]:
    """Return this computer's files that a job elsewhere reads, which no result may replace."""
    if isinstance(job, protocol.Animate):
        return list(files_of_artist(job))
    return [Path(job.result), *map(Path, filter(None, (getattr(job, "clip", None), getattr(job, "mask", None))))]


def say(text: str) -> None:
    print(text.rstrip(), file=sys.stderr)


def run_rig(chosen: argparse.Namespace) -> None:
    job = rig_of(chosen)
    if place := place_of(chosen):
        rigged: protocol.Rigged = run_elsewhere(place, job, chosen.debug)
    else:
        with closing(Bars()) as bars, interrupts() as asked:
            rigged = rig(job, bars.report, asked.is_set)
    for path in rigged.out:
        print(f"Wrote {path}")
    print(
        f"{rigged.bones} bones move {rigged.vertices} vertices through {rigged.poses} poses with an error of "
        f"{rigged.error:.2f}% of the size, {rigged.worst:.1f}% at most; {rigged.seconds:.1f} s"
    )
    if job.error is not None and rigged.error > job.error:
        print(f"Note: an error of {job.error:g}% was not reached.")


def print_result(animated: protocol.Animated) -> None:
    for path in animated.out:
        print(f"Wrote {path}")
    print(
        f"{animated.poses} poses of {animated.vertices} vertices and {animated.faces} faces, {animated.duration:.2f} s"
    )
    print_fit(animated.fit)
    if animated.retried_for_memory:
        print(f"Memory ran out on the way; it was finished with --memory {animated.plan}, which takes longer.")
    rest = animated.seconds - sum(animated.timings.values())
    stages = {WORDS[stage].format(item=animated.plan): seconds for stage, seconds in animated.timings.items()}
    timings = stages | {"Loading and the rest": rest, "Total": animated.seconds}
    width = max(map(len, timings))
    for name, seconds in timings.items():
        print(f"  {name:<{width}}  {seconds:7.1f} s")


def print_fit(fit: protocol.Fit) -> None:
    if fit.overlap is not None and fit.way is not protocol.Match.OFF:
        print(f"Fits the clip: {100 * fit.overlap:.0f}% ({fit.way})")
    for note in fit.notes:
        print(f"Note: {note}")


class Bars:
    """Progress bars on a terminal, one for each stage."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._bars: dict[str, tqdm] = {}

    def close(self) -> None:
        for name in self._bars:
            self._close(name)

    def _close(self, name: str) -> None:
        if name in self._bars:
            self._bars[name].close()

    def report(self, event: ProgressEvent | protocol.ProgressNotice) -> None:
        name = in_words(event)
        if event.step == 0:
            self._close(name)
            self._bars[name] = self._tqdm(total=event.total, desc=name, disable=None, dynamic_ncols=True)
        bar = self._bars[name]
        bar.update(event.step - bar.n)
        if event.step == event.total:
            self._close(name)


def run_info(chosen: argparse.Namespace) -> None:
    known = facts_of(place_of(chosen))
    print(", ".join(f"{name} {version}" for name, version in known.versions.items()))
    print("devices")
    for device in known.devices:
        print(f"  {device.name:<8} {_memory(device)}  {device.description}")
    found = known.checkpoints
    print("checkpoints" if found else "no checkpoints")
    for checkpoint in found:
        print(f"  {checkpoint.name:<12} {_state(checkpoint)}  {checkpoint.path}")
        if checkpoint.licence:
            print(f"  {'':<12} licence: {checkpoint.licence}")


def facts_of(place: Place | None) -> protocol.Initialized:
    """Return the versions, devices and checkpoints of this computer, or of another one."""
    if place is not None:
        answer: protocol.Initialized = ask(place, protocol.Initialize())
        return answer
    from . import machine

    return protocol.Initialized(protocol.VERSION, machine.versions(), machine.devices(), machine.checkpoints())


def _state(checkpoint: protocol.Checkpoint) -> str:
    missing = f"lacks {' and '.join(checkpoint.missing)}" if checkpoint.missing else "complete"
    return f"{checkpoint.kind:<8} {checkpoint.size / 2**20:8.1f} MiB  {missing}"


def _memory(device: protocol.Device) -> str:
    if device.memory_total is None:
        return "memory unknown"
    free = "?" if device.memory_free is None else f"{device.memory_free / 2**30:.1f}"
    return f"{free} of {device.memory_total / 2**30:.1f} GiB free"
