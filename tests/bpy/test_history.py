"""Delivered results stay in History through undo, save and open: all short sequences, and random longer ones."""

import itertools
import os
import random

import bpy
import pytest

from blender_addon.jobs.record import State
from blender_addon.session import blend_identity, job_list
from blender_addon.session.runner import runner
from tests.bpy.addon import clip, tick_until
from tests.bpy.instant import InstantClient

OPS = bpy.ops.actionmesh
DEEDS = ("job", "undo", "redo", "save", "save_as", "reload", "bring_back", "crash")
LONGEST = 6
FILED = pytest.mark.fault("History loses a result when the file is saved, undone or opened again after it was made")
UNDONE = pytest.mark.fault("History loses the result of an unsaved file when I save it and undo past the job")
BROUGHT = pytest.mark.fault("History loses a result that I undid and brought back before I saved")


@pytest.fixture
def artist(addon, monkeypatch):
    monkeypatch.setattr("blender_addon.session.runner.start_worker", InstantClient)
    return Artist(addon)


class Artist:
    """Does things in Blender and remembers which results the open file must have in History."""

    def __init__(self, folder):
        self.folder, self.names, self.clip = folder, itertools.count(), clip(folder)

    def begin(self):
        """Start with a file that was never saved and has one undo step."""
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.ed.undo_push(message="begun")
        self.made = []

    def job(self):
        OPS.animate_from_video("EXEC_DEFAULT", filepath=self.clip, queued=True)
        id = runner.state.records[0].id
        tick_until(lambda: not runner.state.records and not runner.arrivals.waiting)
        assert runner.state.problem is None, runner.state.problem
        self.made.append(id)

    def undo(self):
        if bpy.ops.ed.undo.poll():
            bpy.ops.ed.undo()

    def redo(self):
        if bpy.ops.ed.redo.poll():
            bpy.ops.ed.redo()

    def save(self):
        if bpy.data.filepath:
            bpy.ops.wm.save_mainfile()
        else:
            self.save_as()

    def save_as(self):
        bpy.ops.wm.save_as_mainfile(filepath=str(self.folder / f"{next(self.names)}.blend"))

    def reload(self):
        if bpy.data.filepath:
            bpy.ops.wm.revert_mainfile()

    def bring_back(self):
        if self.made:
            OPS.bring_back("EXEC_DEFAULT", True, job=self.made[-1])

    def crash(self):
        """Lose all of Blender's state, and open what was saved."""
        path = bpy.data.filepath
        self.begin_anew_without_saving()
        if path:
            bpy.ops.wm.open_mainfile(filepath=path)
        else:
            self.made = []

    def begin_anew_without_saving(self):
        runner.end()
        blend_identity._kept = None
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)

    def do(self, deeds):
        self.begin()
        for number, deed in enumerate(deeds):
            getattr(self, deed)()
            job_list.forget()
            listed = {record.id: record.state for record in job_list.records(False)}
            assert set(listed) >= set(self.made), deeds[: number + 1]
            assert set(listed.values()) <= {State.WRITTEN, State.FINISHED}
        for path in self.folder.glob("*.blend*"):
            os.unlink(path)


@pytest.mark.parametrize(
    "deeds",
    [
        pytest.param(("job", "save", "undo"), marks=UNDONE),
        pytest.param(("job", "undo", "bring_back", "save", "reload"), marks=BROUGHT),
        pytest.param(("job", "save", "undo", "undo", "save", "crash", "job"), marks=FILED),
        pytest.param(("save", "job", "undo", "save_as", "crash"), marks=FILED),
        pytest.param(("save", "save_as", "job", "crash"), marks=FILED),
    ],
    ids=" ".join,
)
def test_a_result_stays_in_history(artist, deeds):
    artist.do(deeds)


@FILED
def test_a_scene_of_another_file_does_not_hide_what_was_made_here(artist):
    artist.begin()
    artist.job()
    artist.save()
    other, artist.made = bpy.data.filepath, []
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    artist.save()
    mine = bpy.data.filepath
    artist.job()
    artist.begin_anew_without_saving()
    bpy.ops.wm.open_mainfile(filepath=mine)
    with bpy.data.libraries.load(other) as (_there, here):
        here.scenes = ["Scene"]
    for deed in ("job", "save", "reload"):
        getattr(artist, deed)()
        job_list.forget()
        assert {record.id for record in job_list.records(False)} >= set(artist.made), deed


@FILED
def test_every_short_sequence_keeps_results_in_history(artist):
    for deeds in itertools.product([deed for deed in DEEDS if deed not in ("job", "save_as")], repeat=2):
        artist.do(("job", *deeds))


@FILED
def test_long_sequences_keep_results_in_history(artist):
    chance = random.Random(36)
    for _ in range(25):
        artist.do(("job", *chance.choices(DEEDS, k=LONGEST - 1)))
