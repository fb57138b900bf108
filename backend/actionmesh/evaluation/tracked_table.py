"""Format the summary of tracked characters as Markdown."""

from .toybench_table import number, share
from .tracked_summary import DISTANCES, NETWORK

RATIOS = {
    "vertex_error_over_still": "vertex error",
    "error_in_picture_over_still": "in the picture",
    "error_in_depth_over_still": "in depth",
    "cd_m_over_still": "CD-M",
    "median_vertex_error_over_still": "vertex error, median",
    "better_than_still": "better than still",
    "other_clip_vertex_error_over_still": "another's clip",
}


def table(results: dict) -> str:
    """Return the results as Markdown."""
    lines = [
        f"Checkpoint `{results['checkpoint']}`, preset `{results['preset']}`, "
        f"{results['summary']['characters']} characters."
    ]
    if results["passed_over"]:
        lines.append(f"{results['passed_over']} tracked files without the whole mesh or without pictures were skipped.")
    groups = {"all": results["summary"], **_told(results["splits"]), **_told(results["body_plans"])}
    lines += ["", "Mesh + video, as shares of the still mesh's error:", "", *_mesh_table(groups), ""]
    lines += [
        "Clip alone, and the shape of frame 0 (Chamfer distances; the VAE's volume IoU):",
        "",
        *_clip_table(groups),
        "",
    ]
    lines += ["By file, mesh + video:", "", *_mesh_table(results["files"]), ""]
    return "\n".join(lines)


def _told(groups: dict[str, dict]) -> dict[str, dict]:
    """Return the groups, or nothing if there is only one, which equals all."""
    return groups if len(groups) > 1 else {}


def _mesh_table(groups: dict[str, dict]) -> list[str]:
    lines = ["| | characters | row | " + " | ".join(RATIOS.values()) + " |", "|---" * (len(RATIOS) + 3) + "|"]
    for name, summary in groups.items():
        found = summary["mesh_and_video"]
        for row in found["vertex_error_over_still"]:
            cells = ((share if ratio == "better_than_still" else number)(found[ratio].get(row)) for ratio in RATIOS)
            lines.append(f"| {name} | {summary['characters']} | {row} | " + " | ".join(cells) + " |")
    return lines


def _clip_table(groups: dict[str, dict]) -> list[str]:
    titles = [name.upper().replace("_", "-") for name in DISTANCES]
    lines = [
        f"| | {' | '.join(titles)} | image-to-3D | another's shape | the VAE's own | its IoU | no surface |",
        "|---" * 9 + "|",
    ]
    for name, summary in groups.items():
        video, shape = summary["video"], summary["image_to_3d"]
        values = [*(video[key].get(NETWORK) for key in DISTANCES), *shape.values()]
        lines.append(
            f"| {name} | " + " | ".join(number(value) for value in values) + f" | {summary['no_surface'] or ''} |"
        )
    return lines
