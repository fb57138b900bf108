"""Read and write the full-size benchmark's report as JSON, and insert its tables into a Markdown page."""

import json
from pathlib import Path

from .cases import CASES
from .workload import CLEAN_UP, STAGES

RATES = (0.8, 0.44)
"""PFLOP/s: about an H100's matrix products in bf16, and 55% of that."""
BEGIN, END = "<!-- tables: written by benchmarks/full_size.py -->", "<!-- end of the tables -->"


def read_report(output: Path) -> dict:
    """Read the results of earlier runs by machine, if there are any; raise SystemExit if the file is something else."""
    path = output.with_suffix(".json")
    try:
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"machines": {}}
        return {**report, "machines": dict(report["machines"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f"{path} cannot be read as an earlier report. Remove it, or choose another --output."
        ) from error


def write_report(output: Path, report: dict) -> None:
    """Write the report atomically."""
    path = output.with_suffix(".json")
    part = path.with_name(f".part-{path.name}")
    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def insert_tables(output: Path, report: dict) -> None:
    """Write the tables between the marks of the page; make a page with only the tables if there is none."""
    path = output.with_suffix(".md")
    page = path.read_text(encoding="utf-8") if path.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path} lacks the line {BEGIN!r} or {END!r} after it. Put both where the tables belong.")
    path.write_text(f"{before}{BEGIN}\n\n{tables(report)}\n\n{END}{after}", encoding="utf-8")


def tables(report: dict) -> str:
    """Return the operations at full size, and for every machine its name, seconds and rates, memory, and ratios."""
    operations = report.get("operations", {"error": ""})
    counted = [] if "error" in operations else [operations_table(operations)]
    return "\n\n".join(counted + [machine_tables(name, entry) for name, entry in report["machines"].items()])


def operations_table(operations: dict[str, dict[str, int]]) -> str:
    """Return a table in PFLOP, without the memory plans, whose operations are those of the preset."""
    shown = {name: counts for name, counts in operations.items() if "GB" not in name}
    lines = [
        [stage, *(f"{counts[stage] / 1e15:.3f}" for counts in shown.values())] for stage in STAGES if stage != CLEAN_UP
    ]
    sums = [sum(counts.values()) / 1e15 for counts in shown.values()]
    lines.append(["**all**", *(f"**{total:.2f}**" for total in sums)])
    lines += [[f"seconds at {rate} PFLOP/s", *(f"{total / rate:.1f}" for total in sums)] for rate in RATES]
    return "### Operations at full size\n\n" + markdown(["PFLOP", *shown], lines)


def machine_tables(name: str, entry: dict) -> str:
    """Return the tables of one machine's entry in the report."""
    machine = entry["machine"]
    rows = {case.name: entry["rows"][case.name] for case in CASES if "stages" in entry["rows"].get(case.name, {})}
    told = (
        f"torch {machine['torch']}, {machine['dtype']}, matrix products at {machine['matrix_tflops']:.3g} TFLOP/s, "
        f"marching cubes by {machine['marching_cubes']}"
        f"{'' if machine['decimates'] else '; the mesh was not cleaned up'}."
    )
    parts = [f"### {name}", told]
    if rows:
        parts += [speed_table(rows, machine["matrix_tflops"]), memory_table(rows)]
    return "\n\n".join(parts + sentences(entry["rows"]))


def speed_table(rows: dict[str, dict], matrix_tflops: float) -> str:
    """Return a table of seconds, with TFLOP/s and their share of the device's matrix product rate in brackets."""

    def cell(row: dict, stage: str) -> str:
        measured = row["stages"][stage]
        if not measured.get("tflop") or not measured["seconds"]:
            return f"{measured['seconds']:.2f}"
        rate = measured["tflop"] / measured["seconds"]
        return f"{measured['seconds']:.2f} ({rate:.3g}, {rate / matrix_tflops:.0%})"

    lines = [[stage, *(cell(row, stage) for row in rows.values())] for stage in STAGES]
    lines.append(["**all**", *(f"**{row['seconds']:.2f}**" for row in rows.values())])
    lines.append(["first run, few steps", *(f"{row['first_run_seconds']:.1f}" for row in rows.values())])
    return markdown(["seconds (TFLOP/s, share of matrix products)", *rows], lines)


def memory_table(rows: dict[str, dict]) -> str:
    """Return a table of the peak of allocated tensors and, if known, of torch's reserved memory, in MB."""

    def cell(row: dict, stage: str) -> str:
        measured = row["stages"][stage]
        held = f" / {measured['reserved_mb']:.0f}" if "reserved_mb" in measured else ""
        return f"{measured['peak_mb']:.0f}{held}"

    return markdown(["peak MB", *rows], [[stage, *(cell(row, stage) for row in rows.values())] for stage in STAGES])


def sentences(rows: dict[str, dict]) -> list[str]:
    """Return sentences on ratios to the plain version, on loading, and on failures."""
    told = []
    plain = rows.get("plain", {}).get("seconds")
    for name in ("exact", "default", "fast"):
        if plain and "seconds" in rows.get(name, {}):
            told.append(f"The plain version takes {plain / rows[name]['seconds']:.2f} times as long as {name}.")
    loading = rows.get("loading", {})
    if "seconds" in loading:
        rate = loading["gigabytes"] / loading["seconds"]
        told.append(
            f"Loading {loading['gigabytes']:.3g} GB of weights takes {loading['seconds']:.2f} s ({rate:.2f} GB/s)."
        )
    told += [f"{name}: not measured. {row['error']}" for name, row in rows.items() if "error" in row]
    return ["\n".join(f"- {sentence}" for sentence in told)] if told else []


def markdown(header: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *lines])
