"""The full-size benchmark: a tiny real measurement, what is kept and measured again, and the tables."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from actionmesh.geometry.warp_marching import march_with_warp
from actionmesh.presets import PRESETS
from benchmarks import full_size, measuring
from benchmarks.cases import CASES, Case, Scale, public_architecture
from benchmarks.full_size import measure_alone, run
from benchmarks.measuring import (
    LOADING,
    MACHINE,
    OPERATIONS,
    marching_cubes_library,
    measure_case,
    measure_loading,
    measure_machine,
    operations_of,
    queries_of,
)
from benchmarks.operations import decode_operations
from benchmarks.performance_table import BEGIN, END, insert_tables, read_report, tables
from benchmarks.workload import DECODE, STAGES

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
TINY = Scale(
    public_architecture(width=32, heads=2, layers=3, tokens=16), resolution=16, pixels=32, rings=12, segments=8
)
FAR = time.monotonic() + 1e6
CARD = {
    "device": "Card",
    "matrix_tflops": 100.0,
    "dtype": "bfloat16",
    "torch": "2",
    "marching_cubes": "Warp",
    "decimates": True,
}


@pytest.mark.parametrize(
    "case", [Case("fast", "fast", 2), Case("plain", "quality", 2, plain=True)], ids=lambda case: case.name
)
def test_every_stage_is_measured(case):
    row = measure_case(case, TINY, CPU)
    assert tuple(row["stages"]) == STAGES
    assert row["seconds"] == pytest.approx(sum(stage["seconds"] for stage in row["stages"].values()))
    assert row["first_run_seconds"] > 0
    assert all(stage["peak_mb"] > 100 for stage in row["stages"].values())
    assert row["stages"][DECODE]["tflop"] * 1e12 == pytest.approx(decode_operations(TINY.sizes, 17**3))


def test_operations_of_the_decode_follow_the_queries():
    counts = [operations_of(Case("fast", "fast", 2), TINY, queries)[DECODE] for queries in (0, 1000, 2000)]
    assert 0 < counts[0] < counts[1] and counts[2] - counts[1] == counts[1] - counts[0]


def test_marching_cubes_are_told_by_trying_them(monkeypatch):
    assert marching_cubes_library(CPU) == "scikit-image"
    monkeypatch.setattr(measuring, "WARP_DEVICES", ("cpu",))
    monkeypatch.setattr(measuring, "march_with_warp", lambda cells, values: None)
    monkeypatch.setattr(measuring.importlib.metadata, "version", lambda name: "1.19.0")
    assert marching_cubes_library(CPU) == "Warp 1.19.0"
    monkeypatch.setitem(sys.modules, "warp", None)
    monkeypatch.setattr(measuring, "march_with_warp", march_with_warp)
    assert marching_cubes_library(CPU) == "scikit-image"


def test_queries_of_a_surface_are_few_beside_a_dense_grid():
    scale = Scale(TINY.sizes, resolution=96)
    queries = [queries_of(Case("case", "fast", 2, plain), scale) for plain in (False, True)]
    assert queries[1] == 97**3 and 49**3 < queries[0] < queries[1] / 2


def test_nothing_that_a_bare_machine_lacks_is_imported():
    """Packages that decimate, polygonise, render or read toys and clips may be missing on a machine with a card."""
    missing = {"fast_simplification", "warp", "trimesh", "embreex", "av"}
    code = f"import sys, benchmarks.full_size; print(*{missing} & sys.modules.keys())"
    path = f"{ROOT}{os.pathsep}{ROOT / 'backend'}"
    shown = subprocess.check_output([sys.executable, "-c", code], text=True, env={**os.environ, "PYTHONPATH": path})
    assert shown.split() == []


def test_operations_are_kept_beside_the_machines(measured, tmp_path):
    output = tmp_path / "performance"
    run(output, [OPERATIONS], "full", [], FAR, again=False)
    run(output, [OPERATIONS], "small", [], FAR, again=False)
    assert measured.count(OPERATIONS) == 1 and OPERATIONS in read_report(output)


def test_plain_grid_has_half_the_cells():
    exact, plain = CASES[0], next(case for case in CASES if case.plain)
    assert Scale(TINY.sizes).preset(exact) == PRESETS["quality"]
    assert Scale(TINY.sizes).preset(plain).resolution == PRESETS["quality"].resolution // 2


def test_memory_that_had_to_be_lightened_is_no_measurement(monkeypatch):
    monkeypatch.setattr(
        measuring, "run_stages", lambda model, *arguments: setattr(model.runtime, "retried_for_memory", True)
    )
    monkeypatch.setattr(measuring, "operations_of", lambda *arguments: {})
    with pytest.raises(MemoryError, match="8 GB plan did not fit"):
        measure_case(Case("small", "fast", 2, plan="8", cap=8.0), TINY, CPU)


def test_machine_and_loading_are_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "matrix_rate", lambda device, dtype: 0.5)
    machine = measure_machine(CPU)
    assert machine["dtype"] == "float32" and machine["matrix_tflops"] == 0.5 and "thread" in machine["device"]
    loading = measure_loading(TINY, CPU, tmp_path)
    assert loading["gigabytes"] > 0.001 and loading["seconds"] >= 0


@pytest.fixture
def measured(monkeypatch):
    """Record what is measured, in order, without taking time. A case named in `measured.failing` fails."""

    class Measured(list):
        failing: set = set()

        def alone(self, name, child, deadline):
            self.append(name)
            if name == MACHINE:
                return CARD
            if name == OPERATIONS:
                return {"exact": dict.fromkeys(STAGES, 1)}
            if name in self.failing:
                return {"error": "It broke."}
            return row(10.0)

    measured = Measured()
    monkeypatch.setattr(full_size, "measure_alone", measured.alone)
    return measured


def row(seconds):
    stage = {"seconds": seconds / len(STAGES), "peak_mb": 2000.0, "reserved_mb": 3000.0, "tflop": 40.0}
    return {"seconds": seconds, "first_run_seconds": 1.0, "stages": {name: dict(stage) for name in STAGES}}


def test_what_is_there_is_not_measured_again_and_what_failed_is(measured, tmp_path):
    output = tmp_path / "performance"
    measured.failing = {"plain"}
    run(output, ["exact", "plain"], "full", [], FAR, again=False)
    measured.failing = set()
    run(output, ["exact", "plain", "fast"], "full", [], FAR, again=False)
    assert measured == [MACHINE, "exact", "plain", MACHINE, "plain", "fast"]
    run(output, ["fast"], "full", [], FAR, again=True)
    assert measured[-1] == "fast"
    rows = json.loads((tmp_path / "performance.json").read_text())["machines"]["Card, full networks"]["rows"]
    assert set(rows) == {"exact", "plain", "fast"} and not any("error" in row for row in rows.values())


def test_what_was_measured_outlives_a_run_without_time(measured, tmp_path, monkeypatch):
    output = tmp_path / "performance"
    run(output, ["exact"], "full", [], FAR, again=False)
    monkeypatch.setattr(full_size, "measure_alone", lambda name, *_: CARD if name == MACHINE else full_size.TIME_UP)
    run(output, ["exact", "fast"], "full", [], FAR, again=True)
    rows = read_report(output)["machines"]["Card, full networks"]["rows"]
    assert "stages" in rows["exact"] and rows["fast"] == full_size.TIME_UP


def test_every_row_is_written_before_the_next_is_measured(measured, tmp_path, monkeypatch):
    output, alone = tmp_path / "performance", measured.alone

    def cut(name, child, deadline):
        if name == "fast":
            raise KeyboardInterrupt
        return alone(name, child, deadline)

    monkeypatch.setattr(full_size, "measure_alone", cut)
    with pytest.raises(KeyboardInterrupt):
        run(output, ["exact", "fast"], "full", [], FAR, again=False)
    assert list(read_report(output)["machines"]["Card, full networks"]["rows"]) == ["exact"]


def test_other_machines_keep_their_rows(measured, tmp_path):
    output = tmp_path / "performance"
    run(output, ["exact"], "full", [], FAR, again=False)
    run(output, ["exact"], "small", [], FAR, again=False)
    assert set(read_report(output)["machines"]) == {"Card, full networks", "Card, small networks"}


def test_unreadable_report_is_one_sentence(tmp_path):
    for text in ("{", "[]", '{"rows": 1}'):
        (tmp_path / "performance.json").write_text(text)
        with pytest.raises(SystemExit, match="cannot be read as an earlier report. Remove it"):
            read_report(tmp_path / "performance")


def child(folder, monkeypatch, text):
    """Put another program in the place of Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))


def test_answer_of_a_process_is_its_last_line(tmp_path, monkeypatch, capsys):
    child(tmp_path, monkeypatch, """echo uncompiled >&2; echo loaded; echo '{"seconds": 1}'""")
    assert measure_alone("exact", [], FAR) == {"seconds": 1}
    assert "uncompiled" in capsys.readouterr().err


def test_failure_and_lack_of_time_are_rows(tmp_path, monkeypatch, capsys):
    child(tmp_path, monkeypatch, "echo 'Traceback' >&2; echo 'RuntimeError: no kernel' >&2; exit 1")
    assert measure_alone("exact", [], FAR) == {"error": "RuntimeError: no kernel"}
    assert "Traceback" in capsys.readouterr().err
    child(tmp_path, monkeypatch, "sleep 5")
    assert "time ran out" in measure_alone("exact", [], time.monotonic())["error"]


def test_tables_show_rates_memory_ratios_and_what_failed():
    rows = {
        "exact": row(10.0),
        "plain": row(25.0),
        LOADING: {"seconds": 4.0, "gigabytes": 16.0},
        "fast": {"error": "It broke."},
    }
    operations = {"exact": dict.fromkeys(STAGES, 2 * 10**15), "default, 8 GB": dict.fromkeys(STAGES, 1)}
    shown = tables({"operations": operations, "machines": {"Card, full networks": {"machine": CARD, "rows": rows}}})
    assert "| PFLOP | exact |" in shown and "| Stage I | 2.000 |" in shown and "| **all** | **12.00** |" in shown
    assert "| seconds at 0.8 PFLOP/s | 15.0 |" in shown
    assert "### Card, full networks" in shown and "matrix products at 100 TFLOP/s" in shown
    (line,) = (line for line in shown.splitlines() if line.startswith("| Stage I |") and "(" in line)
    assert line == "| Stage I | 1.67 (24, 24%) | 4.17 (9.6, 10%) |"
    assert "| Stage I | 2000 / 3000 | 2000 / 3000 |" in shown
    assert "The plain version takes 2.50 times as long as exact." in shown
    assert "Loading 16 GB of weights takes 4.00 s (4.00 GB/s)." in shown
    assert "fast: not measured. It broke." in shown


def test_tables_go_between_the_marks_of_the_page(tmp_path):
    page, report = tmp_path / "performance.md", {"machines": {"Card": {"machine": CARD, "rows": {"exact": row(1.0)}}}}
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\nAfter.\n")
    insert_tables(tmp_path / "performance", report)
    once = page.read_text()
    assert (
        once.startswith("# Before\n") and once.endswith(f"{END}\nAfter.\n") and "old" not in once and "### Card" in once
    )
    insert_tables(tmp_path / "performance", report)
    assert page.read_text() == once
    page.write_text("nothing to replace")
    with pytest.raises(SystemExit, match="lacks the line"):
        insert_tables(tmp_path / "performance", report)
