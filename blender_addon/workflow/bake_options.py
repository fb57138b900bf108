"""The settings of a bake, shared by the panel and the operator, and the function that bakes with them."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from itertools import count
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..file_names import safe_name
from ..scene import baking, caching
from ..scene.baking import Baked
from ..scene.used_files import same_path, used_files

METHODS = (
    (
        "COMPRESSED",
        "Compressed",
        "Few shape keys that are mixed differently in every frame. The smallest result for a given error",
    ),
    ("THINNED", "Every n-th Frame", "Leave out poses and interpolate linearly between the rest"),
    (
        "PLAIN",
        "Plain Keys",
        "One relative key per pose, also for keys that are absolute, compressed or retimed by hand",
    ),
    (
        "ALEMBIC",
        "Alembic Cache",
        "Save every frame to a file next to the .blend, played by a modifier. Removes the shape keys",
    ),
    ("PC2", "PC2 Cache", "Like Alembic, in an older format that most programs read"),
    ("MDD", "MDD Cache", "Like PC2, for LightWave, Modo and Cinema 4D. Y is up in the file"),
)
ENDINGS = {"ALEMBIC": ".abc", "PC2": ".pc2", "MDD": ".mdd"}
LIMITS = (
    ("ERROR", "Greatest Error", "Use as few keys as possible while every vertex stays within this error"),
    ("COUNT", "Number of Keys", "Get the smallest error possible with this many keys"),
)


class BakeOptions:
    """The settings of a bake; a mix-in for a property group and an operator."""

    method: EnumProperty(name="Method", description="How to replace the shape keys", items=METHODS)
    step: IntProperty(
        name="Keep Every",
        description="2 keeps half of the shape keys. Fast motion becomes less smooth",
        min=1,
        soft_max=16,
        default=2,
    )
    limit: EnumProperty(name="Limit", description="How to choose the number of keys", items=LIMITS)
    error: FloatProperty(
        name="Error",
        description="Greatest distance of any vertex from its place, in percent of the mesh's diagonal. "
        "A smaller error needs more keys",
        min=0.001,
        max=50.0,
        default=0.5,
        subtype="PERCENTAGE",
    )
    count: IntProperty(
        name="Keys", description="Number of shape keys. More keys are more accurate", min=1, soft_max=64, default=12
    )
    path: StringProperty(
        name="File",
        description="Where to write the cache. Leave empty to use the folder of the .blend and the object's name",
        subtype="FILE_PATH",
    )
    replace_source: BoolProperty(
        name="Replace Source",
        description="Replace the object's own animation and delete its old keys. Turn off to make a baked copy instead",
    )


def draw(layout: bpy.types.UILayout, options: BakeOptions) -> None:
    """Draw the settings that matter for the method."""
    layout.prop(options, "method")
    if options.method == "COMPRESSED":
        layout.prop(options, "limit")
        layout.prop(options, "error" if options.limit == "ERROR" else "count")
    elif options.method == "THINNED":
        layout.prop(options, "step")
    elif options.method in ENDINGS:
        layout.prop(options, "path")
    layout.prop(options, "replace_source")


def bake(scene: bpy.types.Scene, source: bpy.types.Object, options: BakeOptions) -> Baked:
    """Bake an object's animation with the given options.

    Raises:
        ArtistError: the object has no ActionMesh animation, an option is out of range, or a file cannot be written.
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
    writers = {"ALEMBIC": caching.bake_alembic, "PC2": caching.bake_pc2, "MDD": caching.bake_mdd}
    return writers[options.method](scene, source, cache_path(source, options), replaced)


def cache_path(source: bpy.types.Object, options: BakeOptions) -> Path:
    """Return the path of the cache: the chosen one, or next to the .blend, or in the home folder if that is unsaved.

    An earlier cache of this .blend is replaced. Another file of that name stays, and the cache gets a number.
    """
    if options.path:
        return Path(bpy.path.abspath(options.path))
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
    name, ending, used = safe_name(source.name), ENDINGS[options.method], used_files()
    paths = (folder / f"{name}{'' if number == 1 else f'-{number}'}{ending}" for number in count(1))
    return next(path for path in paths if not path.exists() or same_path(path) in used)


def told(baked: Baked) -> str:
    """Return the result of a bake in one sentence."""
    if baked.path is not None:
        return f"{baked.path.name} holds {baked.poses} frames"
    return f"{baked.keys} shape keys, greatest error {100 * baked.error:.3g} % of the size"
