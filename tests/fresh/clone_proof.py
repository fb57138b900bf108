"""Run the README's commands in a clone, on a Debian that has only python3, python3-venv and git."""

import re

from .debian import HOME, Root, check_strays
from .log import Log, ProofError, installations
from .results import check_result

PARTS = ("demo", "test")
SUITE = "bookworm"
"""Its Python is 3.11, for which the project's locks include a PyTorch without CUDA."""
CLONE = f"{HOME}/ActionMesh"
OF_BLENDER = ("demo.blend", "demo.glb", "demo.png", "relief.glb", "relief.png", "timings.txt")
OF_COMMAND_LINE = tuple(
    f"{name}.{ending}" for name in ("from_video", "with_mesh", "relief") for ending in ("glb", "png")
)
CURE = re.compile(r"(?:Run: (?:sudo )?|`(?:sudo )?)(apt-get install -y [^`\n]+)")


def prove(root: Root, log: Log, bundle: str, parts: tuple[str, ...]) -> None:
    """Clone and run the commands; raise ProofError if one does not do what the README says."""
    with log.step("python3, git"):
        root.install("python3", "git")
    with log.step("git clone") as step:
        root.as_user("git", "clone", "-q", bundle, CLONE)
        step.note = root.as_user("git", "log", "-1", "--format=%h", folder=CLONE).strip()
    if root.is_new:
        be_refused(root, log)
    with log.step("python3-venv"):
        root.install("python3-venv")
    if "demo" in parts:
        cure = demo_without_blender(root, log) if root.is_new else ""
        if cure:
            with log.step("the libraries that the demo names"):
                root.as_root(*cure.split())
        demo_in_blender(root, log)
    if "test" in parts:
        with log.step("`python3 build.py test`") as step:
            printed = root.as_user("python3", "build.py", "test", folder=CLONE)
            step.note = ", ".join(filter(None, (installations(printed), counted(printed))))
    check_strays(root)


def be_refused(root: Root, log: Log) -> None:
    """Check that a Python without venv is refused before anything is made, with the command that installs it."""
    with log.step("`python3 build.py demo` without python3-venv") as step:
        printed = root.as_user("python3", "build.py", "demo", folder=CLONE, code=2)
        cure = CURE.search(printed)
        if not cure or "-venv" not in cure[1] or root.inside(f"{CLONE}/.venv").exists():
            raise ProofError("It does not name the command that installs python3-venv, or it made something.")
        step.note = "refused, with the command that fixes it"


def demo_without_blender(root: Root, log: Log) -> str:
    """Run the demo without Blender's libraries; return the command that it suggests."""
    with log.step("`python3 build.py demo` without Blender's libraries") as step:
        printed = root.as_user("python3", "build.py", "demo", folder=CLONE)
        cure = CURE.search(printed)
        if "This was without Blender" not in printed or not cure:
            raise ProofError("The demo does not say what Blender needs.")
        step.note = installations(printed)
        check_results(root, log, OF_COMMAND_LINE)
    return cure[1]


def demo_in_blender(root: Root, log: Log) -> None:
    """Run the demo as in the README."""
    root.as_user("rm", "-rf", "demo_out", folder=CLONE)
    with log.step("`python3 build.py demo`") as step:
        printed = root.as_user("python3", "build.py", "demo", folder=CLONE)
        step.note = installations(printed)
        check_results(root, log, OF_BLENDER)


def check_results(root: Root, log: Log, names: tuple[str, ...]) -> None:
    for name in names:
        log.write(f"    {name}: {check_result(root.inside(f'{CLONE}/demo_out/{name}'))}")


def counted(printed: str) -> str:
    """Return how many tests passed, failed and were skipped, summed over all runs of pytest."""
    counts = {word: sum(map(int, re.findall(rf"(\d+) {word}", printed))) for word in ("passed", "failed", "skipped")}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
