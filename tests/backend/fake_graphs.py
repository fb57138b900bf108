"""A visible fake of torch.cuda's streams and graphs on the CPU: a graph records real operations and repeats them.

As in torch, a failed recording does not restore the stream, a replay runs no Python, and `item` cannot be recorded.
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from actionmesh.acceleration import graphs


class Stream:
    def __init__(self, device=None):
        self.waits_for = []

    def wait_stream(self, other):
        self.waits_for.append(other)


class CUDAGraph:
    def __init__(self):
        self.operations = []
        self.given_pool = None

    def reset(self):
        self.operations.clear()

    def pool(self):
        return self.given_pool or (0, id(self))

    def replay(self):
        for operation, args, kwargs, results in self.operations:
            for held, new in zip(tree_flatten(results)[0], tree_flatten(operation(*args, **kwargs))[0], strict=True):
                if held.data_ptr() != new.data_ptr():  # a view already has the values
                    held.copy_(new)


class Recorder(TorchDispatchMode):
    def __init__(self, graph):
        super().__init__()
        self.graph = graph

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore lines")
        results = operation(*args, **(kwargs or {}))
        self.graph.operations.append((operation, args, kwargs or {}, results))
        return results


class FakeCuda:
    """The objects that `install` puts into torch.cuda.

    Args:
        graphs: all graphs made so far.
        current: the current stream.
    """

    def __init__(self):
        self.graphs = []
        self.current = Stream()

    def make_graph(self):
        self.graphs.append(CUDAGraph())
        return self.graphs[-1]

    def current_stream(self, device=None):
        return self.current

    @contextlib.contextmanager
    def stream(self, stream):
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextlib.contextmanager
    def graph(self, graph, pool=None, stream=None, capture_error_mode="global"):
        assert capture_error_mode == "thread_local" and not torch.is_grad_enabled()
        graph.given_pool, before, self.current = pool, self.current, stream
        with Recorder(graph):
            yield
        self.current = before

    def install(self, monkeypatch):
        for name in ("Stream", "stream", "current_stream", "graph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name, Stream))
        monkeypatch.setattr(torch.cuda, "CUDAGraph", self.make_graph)
        monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
        monkeypatch.setattr(graphs, "GRAPH_DEVICE", "cpu")
        monkeypatch.setattr(graphs, "_failed", [])
        graphs.recording_stream.cache_clear()
        return self
