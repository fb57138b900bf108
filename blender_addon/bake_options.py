"""How an animation is baked: the same settings for the panel and for the operator."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from itertools import count
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .file_names import safe_name
from .scene import baking, caching
from .scene.baking import Baked
from .scene.used_files import same_path, used_files

METHODS = (
    (
        "COMPRESSED",
        "Compressed",
        "Few shape keys that are mixed anew in every frame: the smallest result for a given error",
    ),
    ("THINNED", "Every n-th Frame", "Leave out poses, and go in straight lines between those that stay"),
    (
        "PLAIN",
        "Plain Keys",
        "One relative key a pose, whatever the keys were: absolute, compressed, or retimed by hand",
    ),
    (
        "ALEMBIC",
        "Alembic Cache",
        "A file beside the .blend holds every frame, and a modifier plays it. No shape keys are left",
    ),
    ("PC2", "PC2 Cache", "As Alembic, in the older format that most programs read"),
)
ENDINGS = {"ALEMBIC": ".abc", "PC2": ".pc2"}
LIMITS = (
    ("ERROR", "Greatest Error", "As few keys as keep every vertex within this error"),
    ("COUNT", "Number of Keys", "The best that this many keys can do"),
)


class BakeOptions:
    """Settings of a bake; a mix-in of a property group and of an operator."""

    method: EnumProperty(name="Method", description="What becomes of the shape keys", items=METHODS)
    step: IntProperty(
        name="Keep Every",
        description="2 halves the shape keys. Fast motion gets less round",
        min=1,
        soft_max=16,
        default=2,
    )
    limit: EnumProperty(name="Limit", description="What bounds the number of keys", items=LIMITS)
    error: FloatProperty(
        name="Error",
        description="How far any vertex may be from its place, in percent of the mesh's diagonal. Less needs more keys",
        min=0.001,
        max=50.0,
        default=0.5,
        subtype="PERCENTAGE",
    )
    count: IntProperty(
        name="Keys", description="More keys bring every vertex nearer to its place", min=1, soft_max=64, default=12
    )
    path: StringProperty(
        name="File",
        description="Where the cache is written. Empty takes the folder of the .blend and the object's name",
        subtype="FILE_PATH",
    )
    replace_source: BoolProperty(
        name="Replace Source",
        description="The object itself gets the baked animation, and its old keys are gone. Off makes a baked copy beside it",
    )


def draw(layout: bpy.types.UILayout, options: BakeOptions) -> None:
    """The settings that matter for the method."""
    layout.prop(options, "method")
    if options.method == "COMPRESSED":
        layout.prop(options, "limit")
        layout.prop(options, "error" if options.limit == "ERROR" else "count")
    elif options.method == "THINNED":
        layout.prop(options, "step")
    elif options.method in {"ALEMBIC", "PC2"}:
        layout.prop(options, "path")
    layout.prop(options, "replace_source")


def bake(scene: bpy.types.Scene, source: bpy.types.Object, options: BakeOptions) -> Baked:
    """Bakes as the options say.

    Raises:
        ArtistError: the object has no animation of ActionMesh, an option is out of range, or a file cannot be written.
    """
    replaced = options.replace_source
    if options.method == "PLAIN":
        return baking.bake_plain(source, replaced)
    if options.method == "THINNED":
        return baking.bake_thinned(source, options.step, replaced)
    if options.method == "COMPRESSED":
        by_error = options.limit == "ERROR"
        limits = {"max_error": options.error / 100} if by_error else {"max_keys": options.count}
        return baking.bake_compressed(source, **limits, replace_source=replaced)
    write = caching.bake_alembic if options.method == "ALEMBIC" else caching.bake_pc2
    return write(scene, source, cache_path(source, options), replaced)


def cache_path(source: bpy.types.Object, options: BakeOptions) -> Path:
    """The cache's file, without a chosen one beside the .blend, or in the user's folder for a file that was never saved.

    An earlier cache of this .blend is replaced; another file of that name stays, and the cache gets a number.
    """
    if options.path:
        return Path(bpy.path.abspath(options.path))
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
    name, ending, used = safe_name(source.name), ENDINGS[options.method], used_files()
    paths = (folder / f"{name}{'' if number == 1 else f'-{number}'}{ending}" for number in count(1))
    return next(path for path in paths if not path.exists() or same_path(path) in used)


def told(baked: Baked) -> str:
    """What came of it, in a sentence."""
    if baked.path is not None:
        return f"{baked.path.name} holds {baked.poses} frames"
    return f"{baked.keys} shape keys, greatest error {100 * baked.error:.3g} % of the size"
