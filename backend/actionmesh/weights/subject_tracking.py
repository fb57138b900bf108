"""Load SAM 2.1 from its folder as published for the transformers library."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError
from ..models.config import read_json
from .tensor_file import readable

if TYPE_CHECKING:
    from transformers import Sam2VideoModel

KIND = "sam2_video"
CURE = "Download SAM 2.1 again."


def load_subject_tracker(folder: Path, device: str, dtype: torch.dtype) -> "Sam2VideoModel":
    """Load `config.json` and `model.safetensors`.

    Raises:
        CheckpointError: a file is missing or damaged, or is not of a SAM 2.1 for videos.
    """
    from transformers import Sam2VideoConfig, Sam2VideoModel

    values = read_json(folder / "config.json")
    if values.get("model_type") != KIND:
        raise CheckpointError(f"{folder / 'config.json'} is not of a SAM 2.1 for videos.", CURE)
    path = folder / "model.safetensors"
    with readable(path):
        path.stat()
    try:
        config = Sam2VideoConfig.from_dict(values)
        loaded: Any = Sam2VideoModel.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # the library raises many kinds, also for a truncated file
        raise CheckpointError(f"{folder} cannot be read as SAM 2.1.", CURE) from error
    network, found = loaded
    absent = [*found["missing_keys"], *found["mismatched_keys"]]
    if absent:
        raise CheckpointError(f"{path} lacks {len(absent)} tensors, such as {absent[0]}.", CURE)
    return network.to(device).eval().requires_grad_(False)
