"""The file of a tracked sequence, read by the library that defines its format."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from blender_addon.errors import FolderError
from blender_addon.motion.tracks import Tracks, save_tracks


def tracks(views=2, queries=3, faces=0):
    rng = np.random.default_rng(0)
    return Tracks(
        points=rng.normal(size=(4, 5, 3)).astype(np.float32),
        normals=rng.normal(size=(4, 5, 3)).astype(np.float16),
        vertices=np.asfortranarray(rng.normal(size=(4, 2, 3)).astype(np.float32)),
        vertex_normals=rng.normal(size=(4, 2, 3)).astype(np.float16),
        times=np.arange(4) / 24,
        pictures=rng.integers(0, 256, (views, 4, 3, 3, 4), dtype=np.uint8),
        axes=rng.normal(size=(views, 3, 3)).astype(np.float32),
        distances=np.full(views, np.inf, np.float32),
        windows=rng.normal(size=(views, 3)).astype(np.float32),
        crops=rng.integers(0, 9, (views, 4)),
        query_points=rng.normal(size=(4, queries, 3)).astype(np.float16) if queries else None,
        signed_distances=rng.normal(size=(4, queries)).astype(np.float16) if queries else None,
        mesh_vertices=rng.normal(size=(4, 7, 3)).astype(np.float32) if faces else None,
        mesh_faces=rng.integers(0, 7, (faces, 3), dtype=np.int32) if faces else None,
        mesh_rest=rng.normal(size=(7, 3)).astype(np.float32) if faces else None,
        provenance={"source": "Größe.glb", "licence": ""},
    )


@pytest.mark.parametrize(("views", "queries", "faces"), [(2, 3, 0), (0, 0, 0), (1, 0, 9)])
def test_what_is_written_is_read(tmp_path, views, queries, faces):
    path, written = tmp_path / "deep" / "a.safetensors", tracks(views, queries, faces)
    save_tracks(path, written)
    read = load_file(path)
    for name, array in read.items():
        assert array.dtype == getattr(written, name).dtype and np.array_equal(array, getattr(written, name)), name
    assert ("query_points" in read) == bool(queries) and len(read) == 10 + 2 * bool(queries) + 3 * bool(faces)
    with safe_open(str(path), "numpy") as file:
        metadata = file.metadata()
    assert metadata["format"] == "actionmesh tracks 1" and json.loads(metadata["provenance"]) == written.provenance
    assert [each.name for each in path.parent.iterdir()] == ["a.safetensors"]


def test_numbers_begin_at_multiples_of_their_size_and_a_file_is_replaced(tmp_path):
    path = tmp_path / "deep" / "deeper" / "a.safetensors"
    for licence in ("", "1", "12", "123", "1234", "12345", "123456", "1234567"):
        written = replace(tracks(faces=9), provenance={"licence": licence})
        save_tracks(path, written)
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        assert length % 8 == 0 and json.loads(header.pop("__metadata__")["provenance"]) == {"licence": licence}
        for name, entry in header.items():
            assert entry["data_offsets"][0] % getattr(written, name).itemsize == 0, name


def test_what_cannot_be_written_leaves_nothing_and_the_old_file(tmp_path):
    path = tmp_path / "a.safetensors"
    path.mkdir()
    with pytest.raises(FolderError, match="a.safetensors cannot be written"):
        save_tracks(path, tracks())
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="cannot be written"):
        save_tracks(tmp_path / "file" / "a.safetensors", tracks())
