"""SAM 2.1 or EdgeTAM on a clip of any length: frames stream through, and a session holds only what later frames need.

Ravi et al. 2024, "SAM 2: Segment anything in images and videos"; Zhou et al. 2025, "EdgeTAM: On-device track anything
model". The networks are the transformers library's, with the same interface.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import CheckpointError
from ..media.frame_file import Frames
from .found import Found, coded
from .hints import FramePicks

if TYPE_CHECKING:
    from transformers import EdgeTamVideoModel, Sam2VideoModel

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OFF, ON, TOP_LEFT, BOTTOM_RIGHT = 0, 1, 2, 3
"""SAM's labels of points."""
LARGE = ("pred_masks", "high_res_masks")
"""What a session stores of each frame and never reads again."""


class Tracker:
    """Follows one subject with a network of SAM 2.1 or EdgeTAM."""

    def __init__(self, network: "Sam2VideoModel | EdgeTamVideoModel"):
        self._network = network
        size = network.config.image_size
        self._side = int(size if isinstance(size, int) else size[0])

    @torch.inference_mode()
    def track(self, frames: Frames, picks: Mapping[int, FramePicks], advance: Callable[[], None]) -> Found:
        """Return the subject in frames (T, H, W, 4) uint8.

        Args:
            picks: what was pointed at, by frame; at least one frame must say where the subject is.
            advance: called after each frame.
        Raises:
            CheckpointError: the weights give no finite mask.
        """
        session = self._session(frames.shape[1], frames.shape[2])
        subject = session.obj_id_to_idx(1)
        masks: dict[int, bytes] = {}
        seeds = [number for number in sorted(picks) if picks[number].shows_subject]
        onwards, back = range(seeds[0] + 1, len(frames)), range(seeds[0] - 1, -1, -1)
        for numbers, reverse in ((seeds, False), (onwards, False), (back, True)):
            for number in (each for each in numbers if each not in masks):
                if number in picks:
                    session.add_point_inputs(subject, number, self._prompt(picks[number]))
                    session.obj_with_new_inputs = [1]
                    if number not in seeds:  # the session takes a tracked frame's points as a correction
                        session.frames_tracked_per_obj[subject][number] = {"reverse": reverse}
                masks[number] = self._mask(session, frames[number], number, reverse)
                advance()
        return Found([masks[number] for number in range(len(frames))])

    def _session(self, height: int, width: int) -> Any:
        from transformers.models.edgetam_video.modeling_edgetam_video import EdgeTamVideoInferenceSession
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        kinds = {"sam2_video": Sam2VideoInferenceSession, "edgetam_video": EdgeTamVideoInferenceSession}
        weight = next(self._network.parameters())
        return kinds[self._network.config.model_type](
            video_height=height, video_width=width, inference_device=weight.device, dtype=weight.dtype
        )

    def _mask(self, session, frame: np.ndarray, number: int, back: bool) -> bytes:
        output = self._network(session, frame_idx=number, frame=self._pixels(frame), reverse=back)
        logits = output.pred_masks[0, 0].float()
        if not (torch.isfinite(logits).all() and torch.isfinite(output.object_score_logits).all()):
            raise CheckpointError(
                "The weights that follow the subject give no finite mask.", "Download them again, or give masks."
            )
        self._forget(session, number, back)
        seen = bool((output.object_score_logits > 0).all())
        mask = 255 * logits.sigmoid() if seen else torch.zeros_like(logits)
        return coded(mask.round().to(torch.uint8).cpu().numpy())

    def _forget(self, session, number: int, back: bool) -> None:
        """Drop the picture of a frame, and the outputs that no later frame reads."""
        config = self._network.config
        reach = max(config.num_maskmem, config.max_object_pointers_in_encoder)
        session.processed_frames.pop(number, None)
        for outputs in session.output_dict_per_obj.values():
            kept = outputs["non_cond_frame_outputs"]
            for old in [each for each in kept if abs(each - number) > reach or (back and each < number)]:
                del kept[old]
            for stored in (*kept.values(), *outputs["cond_frame_outputs"].values()):
                for name in LARGE:
                    stored.pop(name, None)
        for tracked in session.frames_tracked_per_obj.values():
            tracked.clear()

    def _pixels(self, frame: np.ndarray) -> Tensor:
        """Return a frame (H, W, 4) uint8 as the network's input, (3, side, side)."""
        weight = next(self._network.parameters())
        picture = torch.from_numpy(np.ascontiguousarray(frame[..., :3])).to(weight.device)
        unit = picture.permute(2, 0, 1)[None].float() / 255
        square = F.interpolate(unit, (self._side, self._side), mode="bilinear", antialias=True, align_corners=False)
        mean, deviation = (unit.new_tensor(numbers)[:, None, None] for numbers in (MEAN, DEVIATION))
        return ((square[0] - mean) / deviation).to(weight.dtype)

    def _prompt(self, picks: FramePicks) -> dict[str, Tensor]:
        """Return picks as points (1, 1, n, 2) in the network's pixels, boxes as two corners, and labels (1, 1, n)."""
        weight = next(self._network.parameters())
        corners = picks.boxes.reshape(-1, 2)
        labels = [TOP_LEFT, BOTTOM_RIGHT] * len(picks.boxes) + [ON] * len(picks.on) + [OFF] * len(picks.off)
        points = np.concatenate([corners, picks.on, picks.off]) * self._side
        return {
            "point_coords": torch.tensor(points, dtype=weight.dtype)[None, None],
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None],
        }
