"""One compiled block serves all blocks of its kind; without a compiler, blocks run uncompiled."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from actionmesh.acceleration import compilation
from actionmesh.acceleration.compilation import CompiledCalls, call_compiled
from actionmesh.acceleration.execution import Execution
from actionmesh.models.blocks import SelfBlock
from actionmesh.models.denoiser import ImageTo3DDenoiser
from actionmesh.sizes import small_sizes

BACKEND = Path(__file__).resolve().parents[2] / "backend"


@pytest.fixture
def traced_only(monkeypatch):
    monkeypatch.setattr(compilation, "BACKEND", "eager")
    monkeypatch.setattr(call_compiled, "_compiled", None)
    torch._dynamo.reset()
    counters.clear()


@torch.no_grad()
def test_a_network_compiles_one_block_with_and_one_without_a_skip(traced_only):
    sizes = small_sizes(width=16, heads=2, layers=9, latent=4, tokens=8, points=16, context=2, encoder_layers=1)
    networks = [ImageTo3DDenoiser(sizes.image_to_3d).eval().requires_grad_(False) for _ in range(2)]
    for network in networks:
        network.prepare_inference(Execution(compiled=True))
        cache = network.prepare(torch.randn(1, 5, 16))
        for _ in range(2):
            network(torch.randn(1, 8, 4), torch.tensor([300.0]), cache)
    assert counters["stats"]["unique_graphs"] == 2
    assert not counters["graph_break"]


def test_every_thread_may_compile_all_kinds(traced_only):
    """Torch has a limit for each thread, and the worker runs every job in a new thread."""
    calls, block = CompiledCalls(), SelfBlock(16, 2).eval()

    def job():
        with torch.no_grad():
            for length in range(1, torch._dynamo.config.recompile_limit + 4):
                calls(block, torch.randn(1, length, 16))

    for _ in range(2):
        torch._dynamo.reset()
        thread = threading.Thread(target=job)
        thread.start()
        thread.join(120)
        assert not thread.is_alive() and not calls._failed


@torch.no_grad()
def test_what_fails_in_a_recording_is_no_fault_of_the_compiler(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    calls = CompiledCalls()
    calls._compiled = fail
    with pytest.raises(RuntimeError, match="no compiler"):
        calls(SelfBlock(16, 2), torch.randn(1, 3, 16))
    assert not calls._failed


@torch.no_grad()
def test_a_failing_compiler_is_named_once(caplog):
    calls = CompiledCalls()
    calls._compiled = fail
    first, second = SelfBlock(16, 2).eval(), SelfBlock(16, 2).eval()
    x = torch.randn(1, 3, 16)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(calls(first, x), first(x)) and torch.equal(calls(second, x), second(x))
    assert [record.message for record in caplog.records] == ["Blocks run uncompiled: RuntimeError: no compiler"]


def fail(*arguments):
    raise RuntimeError("no compiler\nmore lines")


@torch.no_grad()
def test_too_little_memory_is_no_fault_of_the_compiler():
    calls = CompiledCalls()
    calls._compiled = exhaust
    with pytest.raises(torch.OutOfMemoryError):
        calls(SelfBlock(16, 2), torch.randn(1, 3, 16))
    assert not calls._failed


def exhaust(*arguments):
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_learning_is_not_compiled():
    calls = CompiledCalls()
    calls._compiled = fail
    calls(SelfBlock(16, 2), torch.randn(1, 3, 16)).sum().backward()
    assert not calls._failed


WITHOUT_COMPILER = """
import logging, torch
logging.basicConfig(level=logging.WARNING)
from actionmesh.models.blocks import SelfBlock
from actionmesh.acceleration.compilation import call_compiled
with torch.no_grad():
    blocks, x = [SelfBlock(16, 2) for _ in range(2)], torch.randn(1, 3, 16)
    print(all(torch.equal(call_compiled(block, x), block(x)) for block in blocks))
"""


def test_without_a_compiler_blocks_run_as_they_are(tmp_path):
    """The C++ compiler that torch uses on the CPU is hidden."""
    without = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(BACKEND)}
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env=os.environ | without,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert process.stdout.strip() == "True"
    assert process.stderr.count("Blocks run uncompiled:") == 1
