"""What Python can see of a file, as plain data, to show that something leaves no trace."""

import bpy

INTERFACE = {"screens", "window_managers", "workspaces"}
SKIPPED = {
    "rna_type",
    "bl_rna",
    "depsgraph",
    "preview",
    "original",
    "session_uid",
    "asset_data",
    "tool_slots",
    "uv_sculpt",
    "storage_type",
}
"""Properties that are not data (`storage_type` is how Blender 5.3 keeps equal values), or that crash when read."""
DEPTH = 4


def dump_file():
    """Return all data-blocks except the interface's, with their properties, the window's state and the handlers."""
    blocks = {}
    for name, kind in bpy.data.bl_rna.properties.items():
        if kind.type == "COLLECTION" and name not in INTERFACE:
            for block in getattr(bpy.data, name):
                blocks[f"{name}/{block.name_full}"] = dump(block) | {"users": block.users}
    selected = {item.name: (item.select_get(), item.hide_get(), item.mode) for item in bpy.context.scene.objects}
    windows = [(window.scene.name, window.view_layer.name) for window in bpy.context.window_manager.windows]
    return blocks | {
        "selected": selected,
        "windows": windows,
        "handlers": handlers(),
        "active": str(bpy.context.object),
    }


def handlers():
    return {
        name: len(calls) for name in dir(bpy.app.handlers) if isinstance(calls := getattr(bpy.app.handlers, name), list)
    }


def dump(block, depth=DEPTH):
    """Return the properties of one struct: other data-blocks by name, long collections by length."""
    found = {}
    for name, kind in block.bl_rna.properties.items():
        if name in SKIPPED:
            continue
        try:
            value = getattr(block, name)
        except (AttributeError, TypeError, ValueError, RuntimeError):
            continue
        found[name] = plain(value, kind, depth)
    return found


def plain(value, kind, depth):
    if kind.type == "COLLECTION":
        items = list(value[:200]) if depth else []
        return [len(value)] + [by_name(item) or dump(item, depth - 1) for item in items if item is not None]
    if kind.type == "POINTER":
        return None if value is None else by_name(value) or (dump(value, depth - 1) if depth else "...")
    if getattr(kind, "is_array", False):
        return [tuple(row) if hasattr(row, "__len__") else row for row in value]
    return repr(value)


def by_name(value):
    return value.name_full if isinstance(value, bpy.types.ID) else None
