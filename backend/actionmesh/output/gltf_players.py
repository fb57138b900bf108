"""Clean-up of a source's own animations: those that no player can play are left out."""

from ..errors import MeshError
from ..geometry.gltf_accessors import entry_of
from ..geometry.reading import DAMAGED
from .gltf_document import Document

WIDTHS = {"translation": 3, "rotation": 4, "scale": 3}
POINTER = "pointer"
"""The path of channels that an extension (KHR_animation_pointer) animates; they are kept unchecked."""


def tidy_animations(document: Document) -> None:
    """Drop channels without a target, without a sampler, or with a wrong number of values; the notes report each."""
    gltf = document.json
    given = gltf.get("animations", [])
    if not isinstance(given, list):
        document.notes.append("The animations were left out: they are not a list.")
        given = []
    kept = [animation for index, animation in enumerate(given) if _keep(document, animation, f"animations[{index}]")]
    if kept:
        gltf["animations"] = kept
    else:
        gltf.pop("animations", None)


def _keep(document: Document, animation: dict, name: str) -> bool:
    try:
        channels = animation["channels"]
        good = [channel for channel in channels if _plays(document, animation, channel)]
        animation["channels"] = good
        if len(good) < len(channels):
            _drop_unused_samplers(animation)
    except DAMAGED:
        document.notes.append(f"{name} was left out: it is damaged.")
        return False
    if len(good) < len(channels):
        document.notes.append(f"{len(channels) - len(good)} channels of {name} were left out: they are damaged.")
    return bool(good)


def _plays(document: Document, animation: dict, channel: dict) -> bool:
    try:
        sampler, target = entry_of(animation, "samplers", channel["sampler"]), channel["target"]
        if target["path"] == POINTER:
            return True
        node = entry_of(document.json, "nodes", target["node"]) if "node" in target else {}
        times, values = document.array(sampler["input"]), document.array(sampler["output"])
        each = 3 if sampler.get("interpolation") == "CUBICSPLINE" else 1
        return times.shape[1] == 1 and values.size == len(times) * each * _width(document.json, node, target["path"])
    except (MeshError, *DAMAGED):
        return False


def _width(gltf: dict, node: dict, path: str) -> int:
    """Return the number of values per key."""
    if path != "weights":
        return WIDTHS[path]
    primitives = entry_of(gltf, "meshes", node["mesh"])["primitives"]
    targets = max(len(primitive.get("targets", [])) for primitive in primitives)
    if not targets:
        raise ValueError("weights of a mesh without morph targets")
    return targets


def _drop_unused_samplers(animation: dict) -> None:
    """Drop the samplers that no channel uses any more, since they may be damaged."""
    used = sorted({channel["sampler"] for channel in animation["channels"]})
    if len(used) == len(animation["samplers"]) or not used:
        return
    animation["samplers"] = [animation["samplers"][index] for index in used]
    for channel in {id(channel): channel for channel in animation["channels"]}.values():
        channel["sampler"] = used.index(channel["sampler"])
