"""The benchmark of long clips: its lines, its picture, and that it measures a job of the bundled checkpoint."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.long_clips import draw, slopes, summary
from benchmarks.small_checkpoint import render_clip

ROOT = Path(__file__).resolve().parents[2]


def report(seconds, memory):
    frames = (16, 61, 121, 241)
    names = ("frames", "processor_seconds", "beside_result_mb", "peak_mb")
    rows = [dict(zip(names, (n, seconds(n), memory(n), memory(n) + 0.1 * n), strict=True)) for n in frames]
    return {"rows": rows, **slopes(rows)}


def test_slopes_are_of_the_lines_through_the_rows():
    found = report(lambda n: 2 + 0.5 * n, lambda n: 600 + 0.25 * n)
    assert found["seconds_a_frame"] == pytest.approx(0.5) and found["mb_a_frame"] == pytest.approx(0.25)
    assert found["furthest_from_line"] == pytest.approx(0, abs=1e-9)
    assert report(lambda n: n * n, lambda n: 600)["furthest_from_line"] > 0.3


def test_summary_tells_both():
    told = summary(report(lambda n: 2 + 0.5 * n, lambda n: 600))
    assert "0.500 s" in told and "+0.0% memory compared with 16: 0 KB a frame" in told.replace("-0", "0")


def test_picture_is_drawn(tmp_path):
    draw(report(lambda n: n, lambda n: 600), tmp_path / "lengths.png")
    with Image.open(tmp_path / "lengths.png") as picture:
        assert picture.width > 800 and len(picture.convert("L").getcolors() or range(257)) > 10


def test_clips_are_enlarged(tmp_path):
    folder = render_clip(tmp_path / "clip", 2, pixels=64)
    with Image.open(folder / "001.png") as picture:
        assert picture.size == (64, 64) and picture.mode == "RGBA"


def test_peak_memory_is_this_programs_and_rises_with_what_it_holds():
    """The program that starts it uses more memory."""
    held = bytearray(b"x") * 800_000_000
    code = (
        "from benchmarks.instruments import peak_memory as p; a = p(); b = bytearray(b'x') * 300_000_000; print(a, p())"
    )
    before, after = map(float, subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).split())
    assert before < 800 and 250 < after - before < 400
    del held
