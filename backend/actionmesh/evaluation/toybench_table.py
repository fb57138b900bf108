"""Format Toybench's summary as Markdown."""

from .toybench_summary import MEASURES, ON_THE_CLIP, RATIOS

WORDS = {
    "vertex_error_over_still": "mesh + video: vertex error over the still mesh's",
    "cd_m_over_still": "mesh + video: CD-M over the still mesh's",
    "mirrored_vertex_error_over_still": "the same, mesh and clip mirrored, vertex error over the still mesh's",
    "other_clip_vertex_error_over_still": "the same from another clip's frames, vertex error over the still mesh's",
    "cd_4d_over_frame_by_frame": "video: CD-4D over image-to-3D frame by frame's",
    "cd_4d_over_one_noise": "the same, all frames from one noise",
    "relief_cd_4d_over_full": "video: relief's CD-4D over the networks'",
    "relief_cd_m_over_full": "the same, CD-M",
    "iou": "shape VAE: volume IoU in the padded box",
    "chamfer_vae": "Chamfer distance of frame 0's shape: the VAE's own",
    "chamfer_image": "image-to-3D's",
    "chamfer_random": "another sequence's",
    "chamfer_retrieved": "the training toy's whose picture is nearest",
}

OVER_STILL = {
    "vertex_error_over_still": "vertex error",
    "error_in_picture_over_still": "in the picture",
    "error_in_depth_over_still": "in depth",
    "cd_m_over_still": "CD-M",
    "median_vertex_error_over_still": "vertex error, median of sequences",
}


def table(results: dict) -> str:
    """Return the summary as Markdown."""
    lines = [f"Checkpoint `{results['checkpoint']}`, preset `{results['preset']}`.", ""]
    for name, summary in results["sets"].items():
        lines += [f"### {name.capitalize()} (n = {summary['sequences']})", "", *_headline_table(summary), ""]
        lines += [*_template_table(summary["templates"]), "", *_match_table(summary["match"]), ""]
        lines += [*_match_template_table(summary["match"]), ""]
        for title in ("tasks", "ablations"):
            for task, rows in summary[title].items():
                lines += [*_row_table(task, rows, title == "ablations"), ""]
    return "\n".join(lines)


def _headline_table(summary: dict) -> list[str]:
    rows = [
        f"| {WORDS[name]} | {number(found['mean'])} | {number(found['worst'])} ({found['worst_template'] or 'n/a'}) |"
        for name, found in summary["headline"].items()
    ]
    return [
        "| | all | worst template |",
        "|---|---|---|",
        *rows,
        f"| mesh + video: sequences better than still | {share(summary['better_than_still'])} | |",
    ]


def _match_table(match: dict) -> list[str]:
    """Return the table of the network alone and each way of match, over all templates."""
    lines = [f"| mesh + video, over still | {' | '.join(ON_THE_CLIP)} |", "|---" * (len(ON_THE_CLIP) + 1) + "|"]
    for measure, words in OVER_STILL.items():
        lines.append(f"| {words} | " + " | ".join(number(match[measure].get(row)) for row in ON_THE_CLIP) + " |")
    worst = [(match["worst"][row], row) for row in ON_THE_CLIP]
    told = (f"{number(match['templates'][name][row])} ({name})" if name else "n/a" for name, row in worst)
    lines.append("| vertex error, worst template | " + " | ".join(told) + " |")
    shares = (share(match["better_than_still"].get(row)) for row in ON_THE_CLIP)
    return [*lines, "| sequences better than still | " + " | ".join(shares) + " |"]


def _match_template_table(match: dict) -> list[str]:
    """Return the table of vertex errors by template, and whether match is worse than the network alone."""
    titles = "vertex error over still", *ON_THE_CLIP, "match is worse than the network"
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name, rows in match["templates"].items():
        cells = *(number(rows.get(row)) for row in ON_THE_CLIP), "yes" if name in match["worse_than_network"] else ""
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _template_table(templates: dict[str, dict]) -> list[str]:
    ratios = (
        "vertex error / still",
        "CD-M / still",
        "mirrored / still",
        "other clip / still",
        "CD-4D / frame by frame",
        "the same, one noise",
    )
    relief = "relief's CD-4D / the networks'", "CD-M / the networks'"
    titles = "", "sequences", *ratios, *relief, "IoU", "image-to-3D"
    columns = (*RATIOS, "iou", "chamfer_image")
    rows = [
        f"| {name} | {values['sequences']} | " + " | ".join(number(values[column]) for column in columns) + " |"
        for name, values in templates.items()
    ]
    return ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|", *rows]


def _row_table(task: str, rows: dict[str, dict], ablation: bool) -> list[str]:
    first = next(iter(rows.values()))
    title = f"{task}, {'switches, ' if ablation else ''}n = {first['sequences']}"
    lines = [
        f"| {name} | " + " | ".join(number(row[measure]) for measure in MEASURES) + f" | {row['no_surface'] or ''} |"
        for name, row in rows.items()
    ]
    return [f"| {title} | vertex error | CD-3D | CD-4D | CD-M | no surface |", "|---" * 6 + "|", *lines]


def share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0%}"


def number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
