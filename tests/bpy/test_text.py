"""The source "Text": what is asked of the backend, and what the panel says."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.jobs.record import read_record
from blender_addon.motion.result_file import Motion
from blender_addon.process.backend_locator import protocol, public
from blender_addon.scene.viewing import read_picture
from blender_addon.session import model_sets
from blender_addon.workflow import delivery, submission, text_clip
from blender_addon.workflow.rerun import make_anew
from tests.bpy.addon import selected_cube

OPS = bpy.ops.actionmesh
PROMPT = "狐が跳ぶ: a fox jumps"


@pytest.fixture
def settings(addon):
    found = bpy.context.scene.actionmesh
    found.source, found.prompt, found.frame_count = "TEXT", PROMPT, 4
    return found


@pytest.fixture
def submitted(monkeypatch):
    """Return the jobs that were submitted, with their preparations; nothing runs."""
    found = []
    monkeypatch.setattr(submission.runner, "submit", lambda record, work=None, **_: found.append((record, work)) or "")
    return found


def test_a_text_asks_for_a_clip_in_the_jobs_folder(settings, submitted):
    settings.video_model = "wan-1.3b"
    submission.submit(bpy.context, [None])
    ((record, work),) = submitted
    request = record.resolved()
    assert isinstance(request, protocol.Generate) and work is None
    assert (request.prompt, request.picture, request.video_model) == (PROMPT, None, "wan-1.3b")
    assert Path(request.clip) == record.folder / "clip.mp4" and request.frames.spread == 4
    record.save()
    again = read_record(record.folder)
    assert again.request == record.request and again.title == PROMPT
    record.release()


@pytest.mark.fault("A text for the selected mesh shows its other side, or a grey mesh")
@pytest.mark.parametrize(("facing", "turn", "side", "told"), [
    ("AUTO", 0, "NEG_Y", "+Z"), ("POS_X", 0, "POS_X", "+Z"), ("POS_X", 90, "POS_Y", "+Z"),
    ("POS_X", 45, "NEG_Y", "auto"),
])  # fmt: skip
def test_a_meshs_clip_begins_with_its_render_from_its_front(settings, submitted, tmp_path, facing, turn, side, told):
    target = selected_cube()
    target.actionmesh.facing = facing
    target.rotation_euler.z = turn * 3.14159265 / 180
    bpy.context.view_layer.update()
    submission.submit(bpy.context, [target])
    ((record, work),) = submitted
    request = record.resolved()
    assert request.facing == told and Path(request.picture) == record.folder / "frames" / "frame_0001.png"
    assert text_clip.MeshPicture.of(target, facing).side == side
    if facing == "AUTO":
        assert [notice.total for notice in work][-1] == 2
        picture = read_picture(Path(request.picture))
        alpha = picture[..., 3]
        assert alpha[0, 0] == 0 and alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] > 0.9
    else:
        work.close()
    record.release()


@pytest.mark.fault("A clip from a text begins with another pose of the mesh than the one that was sent")
def test_the_render_shows_the_frame_of_the_submission(settings, submitted):
    target, scene = selected_cube(), bpy.context.scene
    for frame, length in ((1, 1.0), (20, 4.0)):
        target.scale.x = length
        target.keyframe_insert("scale", frame=frame)
    scene.frame_set(1)
    submission.submit(bpy.context, [target])
    ((record, work),) = submitted
    bpy.context.window.scene = bpy.data.scenes.new("Another")
    scene.name, target.name = "Renamed", "Box"
    scene.frame_set(20)
    assert list(work)
    rows, columns = np.nonzero(read_picture(Path(record.resolved().picture))[..., 3] > 0.9)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), rel=0.05) and len(rows) > 10_000
    record.release()


@pytest.mark.fault("A mesh that is deleted before its picture is rendered stops the job with a traceback")
@pytest.mark.parametrize("change", ["deleted", "edited"])
def test_without_its_mesh_the_job_says_why_it_ends(settings, submitted, change):
    target = selected_cube()
    submission.submit(bpy.context, [target])
    ((record, work),) = submitted
    if change == "deleted":
        bpy.data.objects.remove(target)
    else:
        target.data.vertices[0].co.x += 1
    with pytest.raises(ArtistError, match=f"was {change}.* Start the job again."):
        next(work)
    record.release()


@pytest.mark.fault("Every result made from a text is called clip")
def test_a_result_from_a_text_is_called_after_the_text(settings, submitted):
    submission.submit(bpy.context, [None])
    ((record, _work),) = submitted
    motion = Motion(np.zeros((1, 3, 3), np.float32), np.zeros((1, 3), np.int32), np.zeros(1), 0, np.zeros(1), {})
    options = delivery._options(record, delivery.Writing.of(record), bpy.context.scene, motion)
    assert options.title == PROMPT
    record.release()


def test_a_picture_takes_the_place_of_the_render(settings, submitted, tmp_path):
    (tmp_path / "fox.png").touch()
    settings.clip_picture = str(tmp_path / "fox.png")
    submission.submit(bpy.context, [selected_cube()])
    ((record, work),) = submitted
    assert work is None and record.resolved().picture == str(tmp_path / "fox.png")
    (tmp_path / "fox.png").unlink()
    with pytest.raises(ArtistError, match="fox.png does not exist"):
        submission.submit(bpy.context, [None])
    with pytest.raises(ArtistError, match="fox.png no longer exists"):
        make_anew(bpy.context, record, {})
    record.release()


def test_without_a_text_the_button_says_what_to_do(settings):
    settings.prompt = "  "
    assert not OPS.animate_from_video.poll()
    with pytest.raises(RuntimeError, match="Write what happens first"):
        OPS.animate_from_video()
    settings.prompt = PROMPT
    assert OPS.animate_from_video.poll() and not OPS.look.poll()


@pytest.mark.fault("The panel offers a text although no video model is there")
def test_the_panel_names_the_missing_model_and_its_download(settings, monkeypatch):
    present = set()
    monkeypatch.setattr(model_sets, "is_complete", lambda key: key in present)
    sentence, key = model_sets.video_hint(settings, False)
    assert key == "wan-5b" and "34" in sentence and "Apache-2.0" in sentence
    present.add("wan-1.3b")
    assert model_sets.video_hint(settings, False) == ("", "")
    assert model_sets.video_hint(settings, True)[1] == "wan-5b", "the small one takes no picture"
    settings.video_model = "cogvideox-2b"
    assert model_sets.video_hint(settings, False)[1] == "cogvideox-2b"
    sentence, key = model_sets.video_hint(settings, True)
    assert "cannot start from a picture or a mesh" in sentence and key == ""
    assert set(public.PICTURE_SETS) <= set(public.VIDEO_SETS)
