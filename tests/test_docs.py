"""The documentation's generated pages are up to date, and the site builds without a broken link."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_messages_is_up_to_date(generate):
    made = generate.TROUBLESHOOTING.read_text(encoding="utf-8")
    assert made == generate.troubleshooting(), "run .venv/bin/python docs/generate.py"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help differently in each Python")
def test_the_page_of_commands_is_up_to_date(generate):
    assert generate.COMMAND_LINE.read_text(encoding="utf-8") == generate.command_line(), "run docs/generate.py"


def test_messages_are_told_with_what_is_put_into_them(generate):
    rows = generate.messages()["InputError"]
    assert generate.Message("Both a frame step and a spread were given.", "Use one of the two.") in rows
    assert any(re.fullmatch(r"There is no preset \*\w+\*\.", row.problem) for row in rows)
    assert len({row.problem for kind in generate.messages().values() for row in kind}) > 150


def test_the_site_builds_and_no_link_is_broken(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "guide" / "index.html").exists()


def test_every_picture_of_the_guide_is_shown_and_small():
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    shown = re.findall(r"!\[.{20,}\]\(guide/(\w+)\.png\)", pages)
    sizes = {path.stem: path.stat().st_size for path in (ROOT / "docs" / "guide").glob("*.png")}
    assert sorted(shown) == sorted(sizes), "run docs/guide_pictures.py"
    assert max(sizes.values()) < 150_000 and sum(sizes.values()) < 1_500_000


def test_the_guide_names_buttons_as_the_panels_do():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    named = {word for bold in re.findall(r"\*\*(.+?)\*\*", guide) for word in bold.split(": ")}
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "blender_addon").rglob("*.py"))
    assert len(named) > 20 and not {name for name in named if f'"{name}"' not in code}
