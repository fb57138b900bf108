"""What the backend says of the computer: devices, memory, checkpoints, in words."""

from collections.abc import Iterator

from . import shown
from .backend_files import protocol

GIGABYTE = 1 << 30


def checkpoint_names() -> list[str]:
    """The checkpoints that can be used, as far as the backend has told."""
    known = shown.state.machine.checkpoints if shown.state.machine else ()
    return [item.name for item in known if not item.missing]


def facts(checkpoint: str) -> Iterator[str]:
    """One line for each device and for the checkpoint in use.

    Args:
        checkpoint: the artist's choice; empty is the backend's own.
    """
    if shown.state.machine is None:
        return
    yield from map(_device, shown.state.machine.devices)
    yield from map(_checkpoint, _in_use(shown.state.machine.checkpoints, checkpoint))


def _device(device: protocol.Device) -> str:
    if device.memory_total is None or device.memory_free is None:
        return device.description
    return f"{device.description}: {device.memory_free / GIGABYTE:.1f} of {device.memory_total / GIGABYTE:.1f} GB free"


def _in_use(known: tuple[protocol.Checkpoint, ...], chosen: str) -> list[protocol.Checkpoint]:
    named = [item for item in known if chosen in (item.name, item.path)]
    return named or [item for item in known if item.kind == "bundled"][:1]


def _checkpoint(item: protocol.Checkpoint) -> str:
    if item.missing:
        return f"Checkpoint {item.name} lacks {', '.join(item.missing)}"
    licence = f" ({item.licence})" if item.licence else ""
    return f"Checkpoint {item.name}, {item.size / GIGABYTE:.2g} GB{licence}"
