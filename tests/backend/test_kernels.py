"""Attention on a CPU; test_cuda.py tests GPUs."""

import pytest
import torch

from actionmesh.acceleration.kernels import attend

from .parity import assert_matches


def formula(queries, keys, values):
    """Return softmax(q k^T / sqrt(d)) v, head by head, in float64."""
    heads = []
    for q, k, v in zip(*[x.double().unbind(2) for x in (queries, keys, values)], strict=True):
        heads.append((q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v)
    return torch.cat(heads, dim=-1).float()


@pytest.mark.parametrize("learning", [True, False])
def test_attention_is_its_formula(learning):
    fused = torch.randn(2, 7, 3, 4, 8)
    queries, (keys, values) = fused[:, :5, 0], fused[:, :, 1:].unbind(2)
    with torch.set_grad_enabled(learning):
        assert_matches(attend(queries, keys, values), formula(queries, keys, values), 1e-5)


@torch.no_grad()
def test_compiled_attention_leaves_the_kernel_to_torch():
    queries, keys = torch.randn(2, 5, 4, 8), torch.randn(2, 7, 4, 8)
    seen = []

    def look(graph, inputs):
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph

    compiled = torch.compile(lambda q, k: attend(q, k, k), backend=look, fullgraph=True)
    assert torch.equal(compiled(queries, keys), attend(queries, keys, keys))
    assert sum("scaled_dot_product_attention" in name for name in seen) == 1
