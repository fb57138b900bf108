"""Load a video model's networks from its files into a pipeline of the diffusers library.

Each network is loaded by the class that the table names, from safetensors alone; no file decides which code runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..failures import is_out_of_memory
from ..progress import Progress
from ..protocol import Stage
from .offloading import FilmingPlan, Offload
from .video_models import FoundModel

NETWORKS = ("text_encoder", "transformer", "vae")
DAMAGED = (OSError, ValueError, RuntimeError, KeyError, TypeError)
"""What the libraries raise for files that are missing, damaged, or of another network."""


def types_on(device: torch.device) -> dict[str, torch.dtype]:
    """Return the type of each network's weights: bfloat16 on a card, but float32 for the autoencoder, as published."""
    half = torch.float32 if device.type == "cpu" else torch.bfloat16
    return {"text_encoder": half, "transformer": half, "vae": torch.float32}


def load_pipeline(
    found: FoundModel, from_picture: bool, plan: FilmingPlan, device: torch.device, progress: Progress
) -> Any:
    """Return the pipeline that makes a clip from a text, or from a picture and a text, placed as the plan says.

    Raises:
        CheckpointError: a file of the model is missing or damaged.
        Cancelled: the user asked to stop.
    """
    model, types = found.model, types_on(device)
    _quiet()
    advance = progress.start(Stage.LOADING_VIDEO_MODEL, len(NETWORKS) + 1, model.title)
    loaded: dict[str, Any] = {}
    for part in NETWORKS:
        loaded[part] = _network(found, part, types[part])
        advance()
    loaded |= {"tokenizer": _tokenizer(found.folder / "tokenizer"), "scheduler": _scheduler(found)}
    name = model.from_picture if from_picture else model.from_text
    assert name is not None
    pipeline = _class(name)(**loaded, **model.settings)
    pipeline.set_progress_bar_config(disable=True)
    _place(pipeline, plan, device)
    advance()
    return pipeline


def _quiet() -> None:
    """Switch off the libraries' own progress bars; what they warn of, `Progress` and errors say in our words."""
    for library in ("transformers", "diffusers"):
        logging = import_module(f"{library}.utils.logging")
        logging.disable_progress_bar()
        logging.set_verbosity_error()


def _network(found: FoundModel, part: str, dtype: torch.dtype) -> Any:
    name, folder = found.model.parts[part], found.folder / part
    load = _class(name).from_pretrained
    type_name = "dtype" if _is_of_transformers(name) else "torch_dtype"
    with _named(folder):
        network, told = load(
            folder, use_safetensors=True, local_files_only=True, output_loading_info=True, **{type_name: dtype}
        )
        if told["missing_keys"] or told["mismatched_keys"]:  # the libraries would go on with random numbers
            raise ValueError(f"{len(told['missing_keys'])} tensors are missing")
    return network.eval()


def _tokenizer(folder: Path) -> Any:
    with _named(folder):
        return _class("AutoTokenizer").from_pretrained(folder, local_files_only=True)


def _scheduler(found: FoundModel) -> Any:
    folder = found.folder / "scheduler"
    with _named(folder):
        return _class(found.model.parts["scheduler"]).from_pretrained(folder, local_files_only=True)


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Turn what the libraries raise for a folder's files into a CheckpointError that names it."""
    try:
        yield
    except DAMAGED as error:
        if is_out_of_memory(error):
            raise
        problem = f"The files in {folder} are damaged, or not those of this video model."
        raise CheckpointError(problem, "Download them again.") from error


def _class(name: str) -> Any:
    """Return a class of transformers or diffusers."""
    return getattr(import_module("transformers") if _is_of_transformers(name) else import_module("diffusers"), name)


def _is_of_transformers(name: str) -> bool:
    return name.endswith("EncoderModel") or name == "AutoTokenizer"


def _place(pipeline: Any, plan: FilmingPlan, device: torch.device) -> None:
    """Put the networks where the plan says.

    On a processor no layer waits elsewhere: accelerate cannot move one from main memory into main memory.
    """
    if plan.tiled:
        pipeline.vae.enable_tiling()
    if plan.offload is Offload.NOTHING:
        pipeline.to(device)
    elif plan.offload is Offload.NETWORKS or device.type == "cpu":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
