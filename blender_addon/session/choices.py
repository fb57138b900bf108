"""The artist's choices in the preferences, as plain data."""

from dataclasses import dataclass

import bpy

from ..process.another_computer import AnotherComputer

ADDON = (__package__ or "").rpartition(".")[0]
"""The name under which Blender knows the add-on."""
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Choices:
    """The preferences as plain data.

    Args:
        python: the Python that has the backend's packages, or its environment; if empty, the installed one or one that
            is found.
        wheels: folder of wheels to install the backend from, without the network; may be empty.
        index: URL of a mirror of PyPI; if empty, the index that pip is configured with, or PyPI.
        checkpoints: folder of checkpoints; if empty, the bundled one.
        device: "auto", "cpu", "cuda" or "mps".
        keep_minutes: idle minutes after which the models leave memory.
        job_folder: where jobs keep their results; if empty, a folder of the user.
        job_limit: bytes that finished jobs may take.
        hub_token: for models whose terms must be accepted with a login; if empty, HF_TOKEN or a saved login.
        computer: another computer that does the jobs; None for this one.
    """

    python: str = ""
    wheels: str = ""
    index: str = ""
    checkpoints: str = ""
    device: str = "auto"
    keep_minutes: float = 10.0
    job_folder: str = ""
    job_limit: int = 20 * GIGABYTE
    hub_token: str = ""
    computer: AnotherComputer | None = None


def choices() -> Choices:
    """Return the artist's choices, or the defaults if the add-on has no preferences (registered by a script)."""
    addon = bpy.context.preferences.addons.get(ADDON)
    chosen = addon.preferences if addon else None
    if chosen is None:
        return Choices()
    return Choices(
        python=bpy.path.abspath(chosen.python),
        wheels=bpy.path.abspath(chosen.wheels),
        index=chosen.index.strip(),
        checkpoints=bpy.path.abspath(chosen.checkpoints),
        device=chosen.device,
        keep_minutes=chosen.keep_minutes,
        job_folder=bpy.path.abspath(chosen.job_folder),
        job_limit=chosen.job_limit * GIGABYTE,
        hub_token=chosen.hub_token.strip(),
        computer=_computer(chosen),
    )


def _computer(chosen: bpy.types.AddonPreferences) -> AnotherComputer | None:
    host = chosen.host.strip()
    if not host:
        return None
    return AnotherComputer(host, chosen.host_port, chosen.host_backend.strip(), chosen.host_minutes)
