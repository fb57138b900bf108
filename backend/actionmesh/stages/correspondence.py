"""Stage II: where the reference vertices are at any time.

Windows slide as in Stage I. Each starts from a mesh that is already placed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..geometry.surface import vertex_normals
from ..memory.runtime import Runtime
from ..models.attention import KeysValues
from ..models.temporal_autoencoder import TemporalAutoencoder
from ..protocol import ReferencePose, Stage
from ..sampling.windows import sliding_windows
from ..weights.finite import require_finite
from .reference import Reference
from .retry import once_more_with_less
from .run import Run


@dataclass(frozen=True)
class Window:
    """Frames that are decoded together.

    Args:
        source: the frame whose vertices are the queries.
        targets: the times to decode.
    """

    frames: list[int]
    source: int
    targets: list[float]


def plan_windows(total: int, anchor: int, size: int, times: list[float]) -> list[Window]:
    """Assign every time (in frames) to the first window that holds the frames around it.

    A frame's own pose comes from the window that reaches it first. A later window's source is its first frame,
    which an earlier one has placed.
    """
    left, windows = sorted(times), []
    for frames in sliding_windows(total, anchor, size, size - 1):
        targets = [time for time in left if min(frames) <= time <= max(frames)]
        left = [time for time in left if time not in targets]
        windows.append(Window(frames, frames[0], targets))
    assert not left, left
    return [window for window in windows if window.targets]


@once_more_with_less
@torch.no_grad()
def animate_vertices(
    run: Run, reference: Reference, latents: Tensor, anchor: int, times: list[float], reference_pose: ReferencePose
) -> np.ndarray:
    """Return the mesh's vertices (len(times), V, 3) float32 in its own coordinates.

    Args:
        latents: (T, N, D) from Stage I.
        anchor: the frame at which the mesh is the reference.
        times: in frames, any numbers from 0 to T - 1, including every whole frame.
        reference_pose: what to do about the network's error at a window's source, whose pose is known.
    """
    windows = plan_windows(len(latents), anchor, run.facts.window, times)
    chunks = -(-len(reference.vertices) // run.runtime.plan.query_rows)
    advance = run.progress.start(
        Stage.CORRESPONDENCE, chunks * sum(_decodings(window, reference_pose) for window in windows)
    )
    sources = {window.source for window in windows}
    poses: dict[float, np.ndarray] = {anchor: reference.vertices}
    result = np.empty((len(times), *reference.mesh.vertices.shape), np.float32)
    row_of = {time: row for row, time in enumerate(times)}
    for window in windows:
        for time, pose in _window_poses(run, window, poses[window.source], reference, latents, reference_pose, advance):
            result[row_of[time]] = reference.moved(pose)
            if time in sources:
                poses.setdefault(time, pose)
    require_finite(result, "the vertices of Stage II", run.facts.checkpoint, "temporal_autoencoder")
    return result


def _decodings(window: Window, reference_pose: ReferencePose) -> int:
    """Return how many poses of a window the network decodes. Of all sources only the anchor is also a target."""
    if reference_pose == ReferencePose.DECODED:
        return len(window.targets)
    return len(window.targets) - (window.source in window.targets) + (reference_pose == ReferencePose.CORRECTED)


def _window_poses(
    run: Run,
    window: Window,
    source_pose: np.ndarray,
    reference: Reference,
    latents: Tensor,
    reference_pose: ReferencePose,
    advance: Callable[[], None],
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield each target time of a window with its pose (W, 3) in model space."""
    normals = reference.normals
    if source_pose is not reference.vertices:
        normals = vertex_normals(source_pose, reference.place_of[reference.mesh.faces])
    decoder = WindowDecoder(run.networks.temporal_autoencoder, latents[window.frames], window, run.runtime)
    queries = torch.from_numpy(np.concatenate([source_pose, normals], axis=1).astype(np.float32))
    still = decoder.pose(window.source, queries, advance) if reference_pose == ReferencePose.CORRECTED else None
    for time in window.targets:
        if time == window.source and reference_pose != ReferencePose.DECODED:
            yield time, source_pose
            continue
        pose = decoder.pose(time, queries, advance)
        yield time, pose if still is None else source_pose + (pose - still)


class WindowDecoder:
    """The temporal autoencoder on one window; what several target times share is computed once."""

    def __init__(self, network: TemporalAutoencoder, latents: Tensor, window: Window, runtime: Runtime):
        self.network, self.runtime, self.window = network, runtime, window
        self.latents = latents[None].to(runtime.device)
        self.frame_times = torch.tensor([window.frames], dtype=torch.float32, device=runtime.device)
        self.source_alpha = self._alpha(window.source)
        self._shared: KeysValues | None = None

    def pose(self, time: float, queries: Tensor, advance: Callable[[], None]) -> np.ndarray:
        """Return the positions (W, 3) at `time` (in frames) of queries (W, 6), chunk by chunk."""
        alpha = self._alpha(time)
        context = self._context(alpha)
        placed = []
        for chunk in torch.split(queries, self.runtime.plan.query_rows):
            chunk = chunk[None].to(self.runtime.device)
            field = self.network.field(chunk, context, self.source_alpha, alpha)
            placed.append(self.network.place(chunk, field)[0].float().cpu())
            advance()
        return torch.cat(placed).numpy()

    def _context(self, alpha: Tensor) -> KeysValues:
        if self._shared is not None:
            return self._shared
        context = self.network.prepare_latents(self.latents, self.frame_times, self.source_alpha, alpha)
        if self.network.shares_targets:
            self._shared = context
        return context

    def _alpha(self, time: float) -> Tensor:
        """Return a time in frames, scaled to [0, 1] over the window."""
        first, last = min(self.window.frames), max(self.window.frames)
        return torch.tensor([(time - first) / (last - first)], dtype=torch.float32, device=self.runtime.device)
