"""What the backend reports about the computer, in words: devices, memory, checkpoints."""

from collections.abc import Iterator

from ..process.backend_locator import protocol
from . import panel_state

MEGABYTE, GIGABYTE = 1 << 20, 1 << 30


def checkpoint_names() -> list[str]:
    """Return the names of the usable checkpoints that the backend has reported."""
    known = panel_state.state.machine.checkpoints if panel_state.state.machine else ()
    return [item.name for item in known if not item.missing]


def facts(checkpoint: str) -> Iterator[str]:
    """Yield one line each for every device, its free memory, the checkpoint in use, and its licence.

    Args:
        checkpoint: the artist's choice; empty means the bundled one.
    """
    if panel_state.state.machine is None:
        return
    for device in panel_state.state.machine.devices:
        yield from _device(device)
    for item in _in_use(panel_state.state.machine.checkpoints, checkpoint):
        yield from _checkpoint(item)


def _device(device: protocol.Device) -> Iterator[str]:
    yield device.description
    if device.memory_total is not None and device.memory_free is not None:
        yield f"Memory: {device.memory_free / GIGABYTE:.1f} of {device.memory_total / GIGABYTE:.1f} GB free"


def _in_use(known: tuple[protocol.Checkpoint, ...], chosen: str) -> list[protocol.Checkpoint]:
    named = [item for item in known if chosen in (item.name, item.path)]
    return named or [item for item in known if item.kind == "bundled"][:1]


def _checkpoint(item: protocol.Checkpoint) -> Iterator[str]:
    if item.missing:
        yield f"Checkpoint: {item.name} lacks {', '.join(item.missing)}"
        return
    size = f"{item.size / GIGABYTE:.1f} GB" if item.size >= GIGABYTE else f"{item.size / MEGABYTE:.0f} MB"
    yield f"Checkpoint: {item.name}, {size}"
    if item.licence:
        yield f"Licence: {item.licence}"
