"""A stand-in for an object whose vertices can be moved to see what its modifiers draw; the object is not touched.

It is frozen as the object is drawn now: its keys and modifiers keep the values that curves and drivers gave them. Keys
of ActionMesh results are left out: a new result replaces the active one and is mixed with those on NLA tracks.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from .attributes import read_all
from .duplicates import copy_of
from .key_blocks import coordinates_of, remove_blocks, result_keys
from .meshes import read_basis, read_triangles, used_vertices

NAME, MARK = "ActionMesh Probe", "actionmesh_mark"
MOST_VERTICES = 200_000
"""Above this many, subdivision is shown coarser than in the viewport: the surface is the same, and jobs would take
hours."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What modifiers make of a mesh.

    Args:
        vertices: (N, 3) float32 in the object's own coordinates.
        triangles: (F, 3) int32.
        marks: (N, 3) float32; a copied vertex has the mark of the stand-in's vertex, bit for bit. None if they are
            lost.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    marks: np.ndarray | None

    def is_like(self, other: "Drawn") -> bool:
        """Return whether both have the same vertices in the same order, at any place; their triangles may differ."""
        return self.marks is not None and other.marks is not None and np.array_equal(self.marks, other.marks)


class Probe:
    """The stand-in; made by `probe`.

    A shape key on top of the artist's own moves its vertices, as a motion does: some modifiers also read the basis.

    Args:
        object: in the scene, with a mesh of its own.
        key: the shape key.
        marks: (V, 3) float32, unique for each vertex.
    """

    def __init__(self, object: bpy.types.Object, key: bpy.types.ShapeKey, marks: np.ndarray):
        self.object, self.marks = object, marks
        self._key, self._basis = key, coordinates_of(key)
        self.mixed = _mix(object)
        """(V, 3) float32, the mesh after the artist's own shape keys and before modifiers."""
        self.size = size_of(self.mixed[used_vertices(object.data)])
        """Longest side of its bounding box, without loose vertices."""

    def draw(self, vertices: np.ndarray) -> Drawn:
        """Return what is drawn with the mesh's vertices at these places (V, 3)."""
        with self.mesh(vertices) as mesh:
            return Drawn(read_places(mesh), read_triangles(mesh), _read_marks(mesh))

    @contextmanager
    def mesh(self, vertices: np.ndarray) -> Iterator[bpy.types.Mesh]:
        """Yield the mesh that is drawn with the vertices at these places (V, 3); it is temporary."""
        moved = self._basis + (vertices.astype(np.float64) - self.mixed)
        self._key.points.foreach_set("co", moved.astype(np.float32).ravel())
        self.object.data.update()
        self.object.data.update_tag()
        with drawn_mesh(self.object) as mesh:
            yield mesh


@contextmanager
def drawn_mesh(object: bpy.types.Object) -> Iterator[bpy.types.Mesh]:
    """Yield an object's temporary mesh after its modifiers; `to_mesh` includes subdivision that the GPU computes."""
    bpy.context.view_layer.update()
    shown = object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    try:
        yield shown.to_mesh()
    finally:
        shown.to_mesh_clear()


@contextmanager
def probe(object: bpy.types.Object) -> Iterator[Probe]:
    """Yield a temporary stand-in for an object."""
    with ExitStack() as undo:
        made = _copy(object, undo)
        marks = np.random.default_rng(0).random((len(made.data.vertices), 3), np.float32)
        made.data.attributes.new(MARK, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", marks.ravel())
        ready = Probe(made, _add_key(made), marks)
        _coarsen(ready)
        yield ready


def size_of(points: np.ndarray) -> float:
    """Return the longest side of a bounding box; 1 if that is 0."""
    return float(np.ptp(points.astype(np.float64), axis=0).max()) or 1.0


def read_places(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return the (V, 3) float32 positions of a mesh's vertices."""
    return read_all(mesh.vertices, "co", 3)


def _copy(object: bpy.types.Object, undo: ExitStack) -> bpy.types.Object:
    made = copy_of(object, NAME, undo)
    mesh = made.data
    for frozen in (made, mesh, mesh.shape_keys):
        if frozen is not None and frozen.animation_data is not None:
            frozen.animation_data_clear()
    if mesh.shape_keys is not None:
        mesh.shape_keys.use_relative = True
        remove_blocks(made, result_keys(mesh.shape_keys))
    made.show_only_shape_key = made.hide_viewport = False
    bpy.context.scene.collection.objects.link(made)
    return made


def _add_key(made: bpy.types.Object) -> bpy.types.ShapeKey:
    """Add a key that for now shows only the basis."""
    if made.data.shape_keys is None:
        made.shape_key_add(name="Basis", from_mix=False)
    key = made.shape_key_add(name=NAME, from_mix=False)
    key.points.foreach_set("co", read_basis(made.data).ravel())
    key.relative_key, key.value = made.data.shape_keys.reference_key, 1.0
    return key


def _mix(made: bpy.types.Object) -> np.ndarray:
    """Return the (V, 3) vertices of the mesh after its shape keys."""
    shown = [modifier for modifier in made.modifiers if modifier.show_viewport]
    for modifier in shown:
        modifier.show_viewport = False
    with drawn_mesh(made) as mesh:
        mixed = read_places(mesh)
    for modifier in shown:
        modifier.show_viewport = True
    return mixed


def _coarsen(made: Probe) -> None:
    """Lower the subdivision levels until there are not too many vertices."""
    finest = [modifier for modifier in made.object.modifiers if modifier.type in {"SUBSURF", "MULTIRES"}]
    while any(modifier.levels for modifier in finest if modifier.show_viewport):
        with made.mesh(made.mixed) as mesh:
            count = len(mesh.vertices)
        if count <= max(MOST_VERTICES, len(made.mixed)):
            return
        for modifier in finest:
            modifier.levels = max(0, modifier.levels - 1)


def _read_marks(mesh: bpy.types.Mesh) -> np.ndarray | None:
    kept = mesh.attributes.get(MARK)
    if kept is None or kept.domain != "POINT" or kept.data_type != "FLOAT_VECTOR":
        return None
    return read_all(kept.data, "vector", 3)
