"""Motions baked into Alembic and PC2 files: what is drawn at every frame against the source."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.weights import Loop
from blender_addon.scene import caching
from blender_addon.scene.caching import bake_alembic, bake_mdd, bake_pc2
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.options import Mode, Playback
from blender_addon.workflow.bake_options import bake as bake_with

from .creature import animate, ball, difference, open_file, rig, world
from .test_baking import busy, drawn, gap

CACHES = pytest.mark.parametrize(("bake", "ending"), [(bake_alembic, ".abc"), (bake_pc2, ".pc2"), (bake_mdd, ".mdd")])
FRAMES = range(1, 25)


@pytest.fixture(autouse=True)
def short_scene():
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = FRAMES[0], FRAMES[-1]


@CACHES
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("loop", list(Loop))
def test_cache_plays_every_frame(tmp_path, bake, ending, mode, loop):
    source = ball("größe 走.a")
    animate(source, mode=mode, playback=Playback(loop=loop))
    before = drawn(source, FRAMES)
    result = bake(bpy.context.scene, source, tmp_path / "größe 走")
    assert result.path == tmp_path / f"größe 走{ending}" and [file.name for file in tmp_path.iterdir()] == [
        result.path.name
    ]
    assert result.keys == 0 and result.object.data.shape_keys is None
    assert gap(before, drawn(result.object, FRAMES)) < 1e-6
    assert gap(before, drawn(source, FRAMES)) == 0


@CACHES
def test_between_frames_the_cache_runs_straight(tmp_path, bake, ending):
    source = ball()
    animate(source, start=1, clip_rate=24.0)
    result = bake(bpy.context.scene, source, tmp_path / "walk")
    assert result.poses == 7
    assert gap(drawn(source, [1.5, 3.25]), drawn(result.object, [1.5, 3.25])) < 1e-6


@CACHES
def test_armature_and_other_keys_act_as_on_the_source(tmp_path, bake, ending):
    source, armature = busy()
    before = drawn(source, range(3, 14))
    result = bake(bpy.context.scene, source, tmp_path / "walk", replace_source=True)
    assert result.object == source
    kinds = [modifier.type for modifier in source.modifiers]
    assert kinds[0] in {"MESH_CACHE", "MESH_SEQUENCE_CACHE"} and kinds[1:] == ["ARMATURE", "SOLIDIFY"]
    assert gap(before, drawn(source, range(3, 14))) < 1e-5


@pytest.mark.parametrize(("format", "name"), [(Format.ALEMBIC, "a.abc"), (Format.USD, "a.usdc")])
@CACHES
def test_cached_motion_is_exported_by_formats_that_hold_vertices(tmp_path, bake, ending, format, name):
    source = ball()
    animate(source)
    rig(source)
    copy = bake(bpy.context.scene, source, tmp_path / "cache").object
    before = world(copy, FRAMES)
    export(bpy.context.scene, [copy], tmp_path / name, ExportOptions(format))
    assert difference(before, world(open_file(tmp_path / name)[0], FRAMES)) < 1e-4


@CACHES
@pytest.mark.parametrize("format", [Format.GLB, Format.FBX])
def test_cached_motion_is_refused_by_formats_that_hold_keys(tmp_path, bake, ending, format):
    source = ball()
    animate(source)
    copy = bake(bpy.context.scene, source, tmp_path / "cache").object
    with pytest.raises(ArtistError, match="mesh cache"):
        export(bpy.context.scene, [copy], tmp_path / "a", ExportOptions(format))


@CACHES
def test_nothing_is_left_when_the_file_cannot_be_written(tmp_path, bake, ending, monkeypatch):
    source = ball()
    animate(source)
    kinds = ("objects", "meshes", "scenes", "cache_files")
    names = {kind: [item.name for item in getattr(bpy.data, kind)] for kind in kinds}

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching, "write_pc2", full)
    monkeypatch.setattr(caching, "write_mdd", full)
    monkeypatch.setattr(caching, "run_exporter", full)
    with pytest.raises(ArtistError, match="No space left on device"):
        bake(bpy.context.scene, source, tmp_path / "cache")
    with pytest.raises(ArtistError, match="does not exist"):
        bake(bpy.context.scene, source, tmp_path / "nowhere" / "cache")
    assert {kind: [item.name for item in getattr(bpy.data, kind)] for kind in kinds} == names
    assert not list(tmp_path.iterdir()) and bpy.context.scene.name == "Scene"


def test_still_mesh_is_named(tmp_path):
    with pytest.raises(ArtistError, match="no ActionMesh animation"):
        bake_pc2(bpy.context.scene, ball(), tmp_path / "a")


def test_pc2_of_a_file_has_one_sample_a_frame(tmp_path):
    source = ball()
    animate(source, start=3.0, clip_rate=24.0)
    result = bake_pc2(bpy.context.scene, source, tmp_path / "a")
    data = result.path.read_bytes()
    first = np.frombuffer(data[32 : 32 + 12 * len(source.data.vertices)], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(first, drawn(source, [3])[0], atol=1e-6)


def test_mdd_has_seconds_from_the_start_and_y_up(tmp_path):
    bpy.context.scene.render.fps = 25
    source = ball()
    animate(source, start=3.0, rate=25.0, clip_rate=25.0)
    data = bake_mdd(bpy.context.scene, source, tmp_path / "a").path.read_bytes()
    assert data[:8] == (7).to_bytes(4, "big") + len(source.data.vertices).to_bytes(4, "big")
    np.testing.assert_allclose(np.frombuffer(data[8:36], ">f4"), np.arange(7) / 25, atol=1e-6)
    second = np.frombuffer(data[36:], ">f4").reshape(7, -1, 3)[1]
    expected = drawn(source, [4])[0]
    np.testing.assert_allclose(second, np.stack([expected[:, 0], expected[:, 2], -expected[:, 1]], 1), atol=1e-6)


@pytest.mark.fault("baking a cache takes the place of a file of mine that happens to have the mesh's name")
@pytest.mark.parametrize(
    ("method", "name"), [("ALEMBIC", "Creature.abc"), ("PC2", "Creature.pc2"), ("MDD", "Creature.mdd")]
)
def test_a_cache_beside_the_blend_replaces_an_earlier_one_of_its_own_and_nothing_else(tmp_path, method, name):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    source, options = ball(), SimpleNamespace(method=method, path="", replace_source=False)
    animate(source)
    first = bake_with(bpy.context.scene, source, options).path
    assert first == tmp_path / name == bake_with(bpy.context.scene, source, options).path
    other = ball("Other")
    animate(other)
    mine = tmp_path / name.replace("Creature", "Other")
    mine.write_text("the artist's own")
    assert bake_with(bpy.context.scene, other, options).path == tmp_path / name.replace("Creature", "Other-2")
    assert mine.read_text() == "the artist's own"
