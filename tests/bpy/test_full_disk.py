"""Exports and caches when the disk is full: one sentence, no partial file, and Blender goes on."""

from types import SimpleNamespace

import bpy
import pytest

from blender_addon.errors import ArtistError
from blender_addon.scene import disk_room
from blender_addon.scene.caching import bake_alembic, bake_mdd, bake_pc2
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.usd_files import is_whole

from ..full_disk import full_disk
from .creature import animate, ball

USD = ("a.usdc", "a.usda", "a.usdz")


@pytest.fixture
def target():
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 12
    target = ball()
    animate(target)
    return target


def send(target, path, format):
    return export(bpy.context.scene, [target], path, ExportOptions(format, whole_scene=True))


@pytest.mark.parametrize(
    ("name", "format"), [("a.glb", Format.GLB), ("a.fbx", Format.FBX), *((name, Format.USD) for name in USD)]
)
def test_export_that_does_not_fit_leaves_the_old_file(tmp_path, target, name, format):
    (tmp_path / name).write_text("old")
    with full_disk(1024), pytest.raises(ArtistError, match=r"File too large|cut off|Couldn't move"):
        send(target, tmp_path / name, format)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "old")]
    assert len(bpy.data.scenes) == 1 and len(target.data.shape_keys.key_blocks) > 5


@pytest.mark.parametrize("bake", [bake_pc2, bake_mdd])
def test_point_cache_that_does_not_fit_leaves_nothing(tmp_path, target, bake):
    with full_disk(1024), pytest.raises(ArtistError, match="File too large"):
        bake(bpy.context.scene, target, tmp_path / "a")
    assert not list(tmp_path.iterdir()) and len(bpy.data.objects) == 1


def test_alembic_and_usd_ask_for_room_first(tmp_path, target, monkeypatch):
    """Only this helps: an Alembic file that does not fit crashes Blender."""
    needed = 12 * 12 * (len(target.data.vertices) + len(target.data.loops)) + 32 * len(target.data.loops) + 2**20
    disk = SimpleNamespace(total=10**9, free=needed - 1)
    monkeypatch.setattr(disk_room.shutil, "disk_usage", lambda _folder: disk)
    for format, name in ((Format.ALEMBIC, "a.abc"), (Format.USD, "a.usdc")):
        with pytest.raises(ArtistError, match="may take 1 MB, and the disk has only 1 MB left"):
            send(target, tmp_path / name, format)
    target.modifiers.new("Twice", "ARRAY").count = 2
    disk.free = needed
    with pytest.raises(ArtistError, match="may take"):
        send(target, tmp_path / "a.abc", Format.ALEMBIC)
    target.modifiers.clear()
    assert send(target, tmp_path / "a.abc", Format.ALEMBIC).size < needed
    disk.free = 0
    with pytest.raises(ArtistError, match="may take"):
        bake_alembic(bpy.context.scene, target, tmp_path / "b.abc")
    assert [file.name for file in tmp_path.iterdir()] == ["a.abc"] and len(bpy.data.objects) == 1
    disk.total = 0
    assert send(target, tmp_path / "c.usdc", Format.USD).size


@pytest.mark.parametrize("name", USD)
def test_usd_files_are_known_to_be_whole(tmp_path, target, name):
    path = tmp_path / name
    send(target, path, Format.USD)
    assert is_whole(path)
    whole = path.read_bytes()
    for part in (0.0, 0.01, 0.5, 0.99):
        path.write_bytes(whole[: int(part * len(whole))])
        assert not is_whole(path), part
