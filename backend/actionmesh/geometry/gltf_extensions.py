"""The glTF extensions that a file may require: those read here, and those that change only how a surface looks.

By the specification, a reader may ignore the extensions that a file uses (`extensionsUsed`), but not those that it
requires (`extensionsRequired`).
"""

COMPRESSIONS = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
READ = {"KHR_mesh_quantization", "KHR_draco_mesh_compression", "EXT_mesh_gpu_instancing"}
LOOKS = {
    "KHR_texture_transform",
    "KHR_texture_basisu",
    "KHR_lights_punctual",
    "KHR_xmp",
    "KHR_xmp_json_ld",
    "KHR_animation_pointer",
    "EXT_texture_webp",
    "EXT_texture_avif",
    "EXT_lights_image_based",
    "EXT_lights_ies",
    "MSFT_texture_dds",
}
MATERIALS = "KHR_materials_"


def unread(gltf: dict) -> list[str]:
    """Return the extensions that a file requires and that are neither read here nor only about looks."""
    needed = gltf.get("extensionsRequired", [])
    if not isinstance(needed, list) or not all(isinstance(name, str) for name in needed):
        raise TypeError("extensionsRequired is not a list of names")
    return [name for name in needed if name not in READ | LOOKS and not name.startswith(MATERIALS)]


def forget(gltf: dict, extension: str) -> None:
    """Remove an extension that is no longer used from the file's lists."""
    for listed in ("extensionsUsed", "extensionsRequired"):
        names = [name for name in gltf.get(listed, []) if name != extension]
        if names:
            gltf[listed] = names
        else:
            gltf.pop(listed, None)
