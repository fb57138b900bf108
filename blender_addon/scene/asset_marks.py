"""Results in the asset browser: the action with its curves, and the object with its mesh and shape keys.

An action's curves name the shape keys that they move, so an action alone plays on meshes with these keys only. The
object carries everything, and can be dragged into any scene.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.preview_picture import SIZE, draw
from . import fcurves
from .animation_record import Record
from .asset_catalogs import catalog_of
from .attributes import read_all
from .key_blocks import coordinates_of, laid_prefixes, pose_keys
from .key_motion import animated_key
from .meshes import read_basis, read_triangles
from .nla_tracks import adopt, check_mixable, laid_result, settle
from .playback import paths_of

SOME = 12
"""Poses of which the one that is farthest from rest is drawn."""
MOST_PIXELS = 2048 * 2048
"""Of an image whose colours are read for the preview: reading a larger one would hold the window."""


@dataclass(frozen=True)
class AssetOptions:
    """What the asset browser shows of a result.

    Args:
        description: one sentence; empty takes "Walk for Husky, 16 poses".
        tags: words to search for.
        catalog: its path, such as "Characters/Walks"; empty for none.
        with_object: mark the object as well.
    """

    description: str = ""
    tags: tuple[str, ...] = ()
    catalog: str = ""
    with_object: bool = False


def mark_result(object: bpy.types.Object, prefix: str, options: AssetOptions) -> list[bpy.types.ID]:
    """Mark a result's action as an asset, and the object if asked; return what was marked.

    Args:
        prefix: of a result on a track; empty takes the active result, whose keys get the name that they keep.
    Raises:
        ArtistError: there is no such result, it cannot become an action, or the catalog cannot be used. Nothing was
            changed.
    """
    if prefix:
        key, found = laid_result(object, prefix)
        if found.strip is None:
            raise ArtistError(f"No strip plays {prefix!r} any more.", "Take it up again first.")
    else:
        check_mixable(object)
        _check_alone(object)
    catalog = catalog_of(options.catalog) if options.catalog.strip() else ""
    if prefix:
        settled = prefix if prefix in laid_prefixes(key) else adopt(object)
        _key, found = laid_result(object, settled or prefix)
        assert found.strip is not None
        record, action = found.record, found.strip.action
    else:
        key, record = settle(object)
        action = key.animation_data.action
    picture = draw(*_farthest_pose(object, record))
    marked: list[bpy.types.ID] = [action, object] if options.with_object else [action]
    told = options.description or f"{_first(record)} for {object.name}, {len(record.times)} poses"
    for item in marked:
        _mark(item, told, options.tags, catalog, picture)
    return marked


def _check_alone(object: bpy.types.Object) -> None:
    """Raise ArtistError if the Key's action, or its slot, holds more than the active result."""
    key, record = animated_key(object)
    action = key.animation_data.action
    others = [curve.data_path for curve in fcurves.curves(key) if curve.data_path not in paths_of(key, record)]
    if others or fcurves.other_slots(action, fcurves.slot_of(key.animation_data)):
        problem = f"The action {action.name} also holds curves of your own."
        raise ArtistError(problem, "Push the result down first, which separates them.", "actionmesh.push_down")


def _first(record: Record) -> str:
    return f"{record.keys[:1].upper()}{record.keys[1:]}"


def _mark(item: bpy.types.ID, told: str, tags: Iterable[str], catalog: str, picture: np.ndarray) -> None:
    if item.asset_data is None:
        item.asset_mark()
    data = item.asset_data
    data.description = told
    for tag in tags:
        data.tags.new(tag, skip_if_exists=True)
    if catalog:
        data.catalog_id = catalog
    preview = item.preview_ensure()
    preview.image_size = (SIZE, SIZE)
    preview.image_pixels_float.foreach_set(picture.ravel())


def _farthest_pose(object: bpy.types.Object, record: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the vertices of the pose that is farthest from rest, the triangles, and their colours or None."""
    basis, blocks = read_basis(object.data), pose_keys(object.data.shape_keys, record.keys)
    rows = record.key_weights
    some = np.unique(np.linspace(0, len(rows) - 1, SOME).round().astype(int))
    poses = (_mixed(basis, blocks, rows[pose]) for pose in some)
    return (
        max(poses, key=lambda pose: float(np.linalg.norm(pose - basis))),
        read_triangles(object.data),
        _colours(object),
    )


def _mixed(basis: np.ndarray, blocks: list[bpy.types.ShapeKey], row: np.ndarray) -> np.ndarray:
    """Return the (V, 3) vertices that keys with these weights (K,) show."""
    shown = [(block, weight) for block, weight in zip(blocks, row, strict=True) if weight]
    return basis + sum(np.float32(weight) * (coordinates_of(block) - basis) for block, weight in shown)


def _colours(object: bpy.types.Object) -> np.ndarray | None:
    """Return the (F, 3) colours of the triangles: of the first image of each material, or of its viewport display."""
    mesh = object.data
    layer = mesh.uv_layers.active
    materials = [slot.material for slot in object.material_slots]
    if not any(materials):
        return None
    mesh.calc_loop_triangles()
    of = read_all(mesh.loop_triangles, "material_index", kind=np.int32)
    loops = read_all(mesh.loop_triangles, "loops", 3, kind=np.int32)
    found = np.full((len(of), 3), 0.75)
    for number, material in enumerate(materials):
        mine = np.flatnonzero(of == number)
        if material is None or not len(mine):
            continue
        image = _image_of(material)
        if image is None or layer is None:
            found[mine] = np.array(material.diffuse_color[:3]) ** (1 / 2.2)
        else:
            middles = read_all(layer.uv, "vector", 2)[loops[mine]].mean(axis=1) % 1.0
            found[mine] = _sampled(image, middles)
    return found


def _image_of(material: bpy.types.Material) -> bpy.types.Image | None:
    nodes = material.node_tree.nodes if material.node_tree is not None else ()
    images = (node.image for node in nodes if node.type == "TEX_IMAGE" and node.image is not None)
    return next((image for image in images if 0 < image.size[0] * image.size[1] <= MOST_PIXELS), None)


def _sampled(image: bpy.types.Image, places: np.ndarray) -> np.ndarray:
    """Return the (N, 3) colours of an image at places (N, 2) from 0 to 1."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, image.channels)
    column, row = (places * (width, height)).astype(int).T
    colours = pixels[row.clip(0, height - 1), column.clip(0, width - 1)]
    return np.repeat(colours[:, :1], 3, axis=1) if image.channels < 3 else colours[:, :3]
