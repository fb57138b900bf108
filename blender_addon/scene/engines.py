"""The settings of the file formats that each game engine expects: unit, axes, and which format at all.

The numbers are those of the engines' own importers. A subject of ours faces -Y in Blender.

Unity      FBX in metres, +Y up, the front along +Z; no scale or turn is left on the objects
Unreal     FBX in centimetres, +Z up, the front along +X
Godot      GLB, neither quantised (KHR_mesh_quantization) nor compressed (KHR_draco_mesh_compression)
three.js   GLB, quantised too, from release 169 on; compressed, with its DRACOLoader
"""

from enum import StrEnum
from typing import Any

from ..errors import ArtistError


class Engine(StrEnum):
    ANY = "ANY"
    UNITY = "UNITY"
    UNREAL = "UNREAL"
    GODOT = "GODOT"
    THREE = "THREE"


NAMES = {Engine.UNITY: "Unity", Engine.UNREAL: "Unreal", Engine.GODOT: "Godot", Engine.THREE: "three.js"}
FORMATS = {Engine.UNITY: "FBX", Engine.UNREAL: "FBX", Engine.GODOT: "GLB", Engine.THREE: "GLB"}
"""The name of the format that each engine is served with."""
FBX: dict[Engine, dict[str, Any]] = {
    Engine.UNITY: {"axis_forward": "-Z", "axis_up": "Y", "apply_scale_options": "FBX_SCALE_ALL"},
    Engine.UNREAL: {"axis_forward": "-X", "axis_up": "Z", "apply_scale_options": "FBX_SCALE_NONE"},
}
"""In Blender's words, forward is where +Y goes, so that the front goes to the opposite side."""


def check_engine(engine: Engine, format: str, quantised: bool, compressed: bool) -> None:
    """Raise ArtistError if an engine does not read such a file."""
    if engine in FORMATS and format != FORMATS[engine]:
        title = "glTF" if FORMATS[engine] == "GLB" else FORMATS[engine]
        raise ArtistError(
            f"The settings for {NAMES[engine]} are for {title} files.",
            "Choose that format, or set For to Any Program.",
        )
    if engine == Engine.GODOT and quantised:
        raise ArtistError("Godot cannot read quantised files.", "Turn Quantise off.")
    if engine == Engine.GODOT and compressed:
        raise ArtistError("Godot cannot read files compressed with Draco.", "Turn Compress off.")


def fbx_settings(engine: Engine, rigged: bool) -> dict[str, Any]:
    """Return the settings of Blender's exporter for an engine.

    Args:
        rigged: there are armatures, whose nodes keep the conversion: Blender cannot apply it to them.
    """
    if engine not in FBX:
        return {}
    return {**FBX[engine], "use_space_transform": True, "apply_unit_scale": True, "bake_space_transform": not rigged}
