"""The beginning of an FBX file. Blender's importer places it at frame 1, but its exporter writes frame 0 there.

So a file that Blender exports comes back a frame late, and in a game the animation begins with an empty frame.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FIRST = 1


@contextmanager
def fbx_begins_at_frame_1() -> Iterator[None]:
    """Make Blender's exporter write every key, and the ends of the animation, a frame earlier."""
    from io_scene_fbx import export_fbx_bin as exporter  # type: ignore[import-not-found]

    sample = getattr(exporter, "fbx_animations_do", None)
    if sample is None:  # an exporter unlike those of 4.2 to 5.3
        yield
        return

    def sample_earlier(scene_data: Any, *arguments: Any, **options: Any) -> Any:
        made = sample(scene_data, *arguments, **options)
        return made and _earlier(made, _ticks_of_a_frame(scene_data.scene, exporter.FBX_KTIME))

    exporter.fbx_animations_do = sample_earlier
    try:
        yield
    finally:
        exporter.fbx_animations_do = sample


def _ticks_of_a_frame(scene: Any, ticks_of_a_second: int) -> int:
    return round(FIRST * ticks_of_a_second * scene.render.fps_base / scene.render.fps)


def _earlier(made: tuple, ticks: int) -> tuple:
    stack, animations, layer, name, start, end = made
    for _layer_key, nodes in animations.values():
        for _node_key, curves, _name in nodes.values():
            for item, (key, default, (times, values), valid) in curves.items():
                curves[item] = key, default, (times - ticks, values), valid
    return stack, animations, layer, name, start - FIRST, end - FIRST
