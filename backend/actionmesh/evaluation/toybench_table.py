"""Toybench's summary as Markdown, for a person to read."""

from .toybench_summary import MEASURES, RATIOS

WORDS = {
    "vertex_error_over_still": "mesh + video: vertex error over the still mesh's",
    "cd_m_over_still": "mesh + video: CD-M over the still mesh's",
    "other_clip_vertex_error_over_still": "the same from another clip's frames, vertex error over the still mesh's",
    "cd_4d_over_frame_by_frame": "video: CD-4D over image-to-3D frame by frame's",
    "cd_4d_over_one_noise": "the same, all frames from one noise",
    "iou": "shape VAE: volume IoU in the padded box",
    "chamfer_vae": "Chamfer distance of frame 0's shape: the VAE's own",
    "chamfer_image": "image-to-3D's",
    "chamfer_random": "another sequence's",
    "chamfer_retrieved": "the training toy's whose picture is nearest",
}


def table(results: dict) -> str:
    """The summary as Markdown."""
    lines = [f"Checkpoint `{results['checkpoint']}`, preset `{results['preset']}`.", ""]
    for name, content in results["sets"].items():
        summary = content["summary"]
        lines += [f"### {name.capitalize()} (n = {summary['sequences']})", "", *_headline_table(summary), ""]
        lines += [*_template_table(summary["templates"]), ""]
        for title in ("tasks", "ablations"):
            for task, rows in summary[title].items():
                lines += [*_row_table(task, rows, title == "ablations"), ""]
    return "\n".join(lines)


def _headline_table(summary: dict) -> list[str]:
    rows = [
        f"| {WORDS[name]} | {_text(found['mean'])} | {_text(found['worst'])} ({found['worst_template'] or 'n/a'}) |"
        for name, found in summary["headline"].items()
    ]
    better = summary["better_than_still"]
    share = "n/a" if better is None else f"{better:.0%}"
    return ["| | all | worst template |", "|---|---|---|", *rows, f"| mesh + video: sequences better than still | {share} | |"]


def _template_table(templates: dict[str, dict]) -> list[str]:
    ratios = "vertex error / still", "CD-M / still", "other clip / still", "CD-4D / frame by frame", "the same, one noise"
    titles = "", "sequences", *ratios, "IoU", "image-to-3D"
    columns = (*RATIOS, "iou", "chamfer_image")
    rows = [
        f"| {name} | {values['sequences']} | " + " | ".join(_text(values[column]) for column in columns) + " |"
        for name, values in templates.items()
    ]
    return ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|", *rows]


def _row_table(task: str, rows: dict[str, dict], ablation: bool) -> list[str]:
    first = next(iter(rows.values()))
    title = f"{task}, {'switches, ' if ablation else ''}n = {first['sequences']}"
    lines = [
        f"| {name} | " + " | ".join(_text(row[measure]) for measure in MEASURES) + f" | {row['no_surface'] or ''} |"
        for name, row in rows.items()
    ]
    return [f"| {title} | vertex error | CD-3D | CD-4D | CD-M | no surface |", "|---" * 6 + "|", *lines]


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
