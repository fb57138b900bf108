"""Turn a folder of animated files into a data set of tracked points, in Blender or in a Python that has bpy.

    blender -b --factory-startup --python blender_addon/dataset.py -- FOLDER OUT [options]
    python blender_addon/dataset.py FOLDER OUT [options]

Every .glb, .gltf, .fbx, .abc and USD file below FOLDER becomes one .safetensors file at the same place below OUT, or
one for each of its animations (`motion/tracks.py` describes the contents). A second run continues where the first
stopped. failures.csv lists the files that could not be used, with one sentence each. They are tried again, except those
that crashed Blender.
"""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

PACKAGE = "actionmesh_of_dataset"
"""The name under which the package is loaded when this file is run by path, so that no other copy is touched."""
FINISHED, STOPPED, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code.

    Returns:
        0 if the folder is done, even with failures; 2 if it could not be converted; 130 if Ctrl+C stopped it.
    """
    from .conversion.converter import convert, say
    from .conversion.ledger import FAILURES
    from .errors import ArtistError
    from .scene.track_options import TrackOptions

    chosen = vars(parser().parse_args(arguments))
    folder, out = chosen.pop("folder").resolve(), chosen.pop("out").resolve()
    try:
        options = TrackOptions(**chosen)
        done, failed, there = convert(folder, out, options)
    except ArtistError as error:
        say(str(error))
        return STOPPED
    except KeyboardInterrupt:
        say("Stopped. Run the same command to continue.")
        return INTERRUPTED
    say(f"{done} written, {there} already there, {failed} failed{f' (see {out / FAILURES})' if failed else ''}.")
    return FINISHED


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="dataset.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("folder", type=Path)
    top.add_argument("out", type=Path)
    top.add_argument("--frames", type=int, default=16, help="frames, spread evenly over the animation (16)")
    top.add_argument("--points", type=int, default=8192, help="points on the surface (8192)")
    top.add_argument("--vertices", type=int, default=1024, help="vertices of the mesh (1024)")
    top.add_argument("--size", type=int, default=256, help="side of a picture in pixels (256)")
    top.add_argument("--views", type=int, default=1, help="number of cameras; 0 makes no pictures (1)")
    top.add_argument("--facing", default="auto", help="the axis that subjects face in Blender, such as NEG_Y (auto)")
    top.add_argument("--faces", action="store_true", help="also keep the whole mesh")
    top.add_argument("--rest", action="store_true", help="also keep the whole mesh in the pose of its bones at rest")
    top.add_argument("--seed", type=int, default=0)
    clips = top.add_mutually_exclusive_group()
    add_constant(clips, "--every-clip", "clips", "every", "make a sequence of each animation of a file")
    median = "use the animation with the median amount of motion; by default, the first that moves is used"
    add_constant(clips, "--median-clip", "clips", "median", median)
    cameras = top.add_mutually_exclusive_group()
    add_constant(cameras, "--around", "cameras", "around", "place cameras all around, each with a light of its own")
    add_constant(cameras, "--turned", "cameras", "turned", "place cameras in front of a random side of the subject")
    top.add_argument("--random-light", action="store_true", help="give every camera a light of its own")
    distances = top.add_mutually_exclusive_group()
    add_constant(distances, "--distances", "queries", 4096, "same as --queries 4096")
    distances.add_argument(
        "--queries", type=int, dest="queries", help="points per frame at which to measure the signed distance"
    )
    top.add_argument("--keep-still", action="store_true", help="keep files in which nothing moves")
    top.set_defaults(clips="first", cameras="front", queries=0)
    return top


def add_constant(group: argparse._ActionsContainer, flag: str, name: str, constant: object, help: str) -> None:
    """Add a flag that sets an option to a constant."""
    group.add_argument(flag, dest=name, action="store_const", const=constant, help=help)


def own_arguments(argv: Sequence[str]) -> list[str]:
    """Return the arguments after "--" in Blender, or after the script's name elsewhere."""
    return list(argv[argv.index("--") + 1 :] if "--" in argv else argv[1:])


def load_package(folder: Path) -> ModuleType:
    """Load this package from any folder, whatever its name, without changing the module search path."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


if __name__ == "__main__":
    load_package(Path(__file__).resolve().parent)
    sys.exit(importlib.import_module(f"{PACKAGE}.dataset").main(own_arguments(sys.argv)))
