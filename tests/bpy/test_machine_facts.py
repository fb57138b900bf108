"""What the panel "Backend" says about the computer."""

from blender_addon.process.backend_locator import protocol
from blender_addon.session import machine_facts, panel_state

SMALL = protocol.Checkpoint("toy", "/toy", "bundled", 15 << 20, (), "free to use")
LARGE = protocol.Checkpoint("full", "/full", "public", 11 << 30, ())
BROKEN = protocol.Checkpoint("broken", "/broken", "public", 0, ("vae", "dino"))


def told(*checkpoints, chosen="", free=4 << 30):
    device = protocol.Device("cuda", "A card", 8 << 30, free)
    panel_state.state.machine = protocol.Initialized(1, {}, (device,), checkpoints)
    try:
        return list(machine_facts.facts(chosen))
    finally:
        panel_state.reset()


def test_nothing_is_known_before_the_backend_starts():
    assert list(machine_facts.facts("")) == []


def test_device_memory_checkpoint_and_licence_have_a_line_each():
    lines = ["A card", "Memory: 4.0 of 8.0 GB free", "Checkpoint: toy, 15 MB", "Licence: free to use"]
    assert told(LARGE, SMALL) == lines


def test_chosen_checkpoint_wins_and_large_ones_are_told_in_gigabytes():
    assert told(SMALL, LARGE, chosen="full", free=None) == ["A card", "Checkpoint: full, 11.0 GB"]


def test_missing_parts_are_named():
    assert told(BROKEN, chosen="/broken")[-1] == "Checkpoint: broken lacks vae, dino"
