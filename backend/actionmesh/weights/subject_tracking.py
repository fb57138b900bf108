"""Load the network that follows a subject, SAM 2.1 or EdgeTAM, from its folder as published for transformers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError
from ..models.config import read_json
from .tensor_file import readable

if TYPE_CHECKING:
    from transformers import EdgeTamVideoModel, Sam2VideoModel

    Network = Sam2VideoModel | EdgeTamVideoModel

TITLES = {"sam2_video": "SAM 2.1", "edgetam_video": "EdgeTAM"}
"""The networks by the type that their configuration names."""
CURE = "Download SAM 2.1 or EdgeTAM again."


def load_subject_tracker(folder: Path, device: str, dtype: torch.dtype) -> "Network":
    """Load `config.json` and `model.safetensors`.

    Raises:
        CheckpointError: a file is missing or damaged, or is of another network.
    """
    values = read_json(folder / "config.json")
    title = TITLES.get(str(values.get("model_type")))
    if title is None:
        raise CheckpointError(f"{folder / 'config.json'} is not of a SAM 2.1 or EdgeTAM for videos.", CURE)
    path = folder / "model.safetensors"
    with readable(path):
        path.stat()
    try:
        kind, config = _described(values)
        loaded: Any = kind.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # the library raises many kinds, also for a truncated file
        raise CheckpointError(f"{folder} cannot be read as {title}.", CURE) from error
    network, found = loaded
    absent = [*found["missing_keys"], *found["mismatched_keys"]]
    if absent:
        raise CheckpointError(f"{path} lacks {len(absent)} tensors, such as {absent[0]}.", CURE)
    return network.to(device).eval().requires_grad_(False)


def _described(values: dict[str, Any]) -> tuple[Any, Any]:
    """Return the class and configuration of a network; EdgeTAM gets our RepViT instead of timm's."""
    from transformers import EdgeTamVideoConfig, EdgeTamVideoModel, Sam2VideoConfig, Sam2VideoModel

    if TITLES[values["model_type"]] == "SAM 2.1":
        return Sam2VideoModel, Sam2VideoConfig.from_dict(values)
    from ..models.repvit import RepVitConfig

    backbone = {"model_type": RepVitConfig.model_type}
    vision = {**values["vision_config"], "backbone_config": backbone}
    return EdgeTamVideoModel, EdgeTamVideoConfig.from_dict({**values, "vision_config": vision})
