"""Khronos' glTF validator, run by Node. It judges every .glb written here.

The first run installs it, with npm, into a folder that git ignores.
"""

import functools
import json
import shutil
import subprocess
from pathlib import Path

import pytest

VERSION = "2.0.0-dev.3.10"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / f"gltf-validator-{VERSION}"
SCRIPT = """
const validator = require('gltf-validator'), fs = require('fs');
const options = {maxIssues: 0, externalResourceFunction: uri => Promise.reject(uri)};
require('readline').createInterface({input: process.stdin}).on('line', file =>
  validator.validateBytes(new Uint8Array(fs.readFileSync(file)), options)
    .then(result => console.log(JSON.stringify(result.issues.messages))));
"""
ERROR, WARNING = 0, 1


@functools.cache
def installed() -> str:
    """Install the validator if it is missing; return the reason why that fails, or nothing."""
    if (CACHE / "node_modules" / "gltf-validator").exists():
        return "" if shutil.which("node") else "Node is not installed"
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node and npm are not installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", f"gltf-validator@{VERSION}"]
    done = subprocess.run([*command, "--prefix", str(CACHE)], capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else f"npm could not install gltf-validator {VERSION}"


@functools.cache
def judge() -> subprocess.Popen:
    """Run one process for all files: Node takes longer to start than to judge. It ends when its input pipe closes."""
    command = [str(shutil.which("node")), "-e", SCRIPT]
    return subprocess.Popen(command, cwd=CACHE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def judged(path: Path) -> list[dict]:
    """Return the validator's messages for a file; skip the test where there is no validator."""
    if reason := installed():
        pytest.skip(reason)
    process = judge()
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def assert_valid(*paths: Path, warnings: tuple[str, ...] = ()) -> None:
    """Fail for every error, and for every warning except those named."""
    for path in paths:
        wrong = [
            m
            for m in judged(path)
            if m["severity"] == ERROR or (m["severity"] == WARNING and m["code"] not in warnings)
        ]
        assert not wrong, f"{path.name}: {wrong[:5]}"
