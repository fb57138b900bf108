"""The video models as rows of a table, so that the next one is a row; and where the files of one are found.

What is downloaded of each is in `weights.public`. Sizes, rates and frame counts are those the models were trained on,
steps and guidance those that their model cards recommend.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CheckpointError, InputError
from ..weights.checkpoints import VARIABLE
from ..weights.presence import presence
from ..weights.public import COGVIDEOX, SETS, WAN_T2V, WAN_TI2V, Download

WAN_PARTS = {
    "text_encoder": "UMT5EncoderModel",
    "transformer": "WanTransformer3DModel",
    "vae": "AutoencoderKLWan",
    "scheduler": "UniPCMultistepScheduler",
}
COGVIDEOX_PARTS = {
    "text_encoder": "T5EncoderModel",
    "transformer": "CogVideoXTransformer3DModel",
    "vae": "AutoencoderKLCogVideoX",
    "scheduler": "CogVideoXDDIMScheduler",
}
FRAME_STEP = 4
"""Frames that the models' autoencoders turn into one, after the first frame."""


@dataclass(frozen=True)
class VideoModel:
    """A model that makes clips.

    Args:
        key: of its set in `weights.public.SETS`.
        title: its name.
        parts: class of each network, in transformers (the text encoder) or diffusers (the others).
        from_text, from_picture: the pipelines of diffusers that run them; None if it takes no picture.
        settings: of the pipelines, as the model's own `model_index.json` has them.
        width, height: of a clip, in pixels; other sizes are multiples of `multiple`.
        reduction: pixels along each edge for one latent.
        fps: frames per second.
        frames, most_frames: usual and largest number of frames, each 4 k + 1.
        tokens: how many the text encoder reads.
        branches: of guidance that run as one batch.
    """

    key: str
    title: str
    download: Download
    parts: Mapping[str, str]
    from_text: str
    from_picture: str | None
    width: int
    height: int
    multiple: int
    reduction: int
    fps: int
    frames: int
    most_frames: int
    steps: int
    guidance: float
    tokens: int
    branches: int = 1
    settings: Mapping[str, bool] = field(default_factory=dict)

    def frame_count(self, wanted: int | None) -> int:
        """Return the smallest count of frames that the model can make and that is at least `wanted`, if it can."""
        if wanted is None:
            return self.frames
        return min(self.most_frames, (wanted + FRAME_STEP - 2) // FRAME_STEP * FRAME_STEP + 1)

    def size(self, side: int | None) -> tuple[int, int]:
        """Return a clip's (width, height) whose longer side is about `side` pixels, or the usual one."""
        factor = 1 if side is None else side / max(self.width, self.height)
        rounded = (max(1, round(factor * length / self.multiple)) for length in (self.width, self.height))
        width, height = (self.multiple * count for count in rounded)
        return width, height


VIDEO_MODELS = {
    model.key: model
    for model in (
        VideoModel(
            "wan-5b",
            "Wan 2.2 TI2V 5B",
            WAN_TI2V,
            WAN_PARTS,
            "WanPipeline",
            "WanImageToVideoPipeline",
            width=1280,
            height=704,
            multiple=32,
            reduction=16,
            fps=24,
            frames=49,
            most_frames=121,
            steps=50,
            guidance=5.0,
            tokens=512,
            settings={"expand_timesteps": True},
        ),
        VideoModel(
            "wan-1.3b",
            "Wan 2.1 T2V 1.3B",
            WAN_T2V,
            WAN_PARTS,
            "WanPipeline",
            None,
            width=832,
            height=480,
            multiple=16,
            reduction=8,
            fps=16,
            frames=49,
            most_frames=81,
            steps=50,
            guidance=6.0,
            tokens=512,
        ),
        VideoModel(
            "cogvideox-2b",
            "CogVideoX 2B",
            COGVIDEOX,
            COGVIDEOX_PARTS,
            "CogVideoXPipeline",
            None,
            width=720,
            height=480,
            multiple=16,
            reduction=8,
            fps=8,
            frames=49,
            most_frames=49,
            steps=50,
            guidance=6.0,
            tokens=226,
            branches=2,
        ),
    )
}
"""By key, the best first."""


@dataclass(frozen=True)
class FoundModel:
    """A video model and the folder that holds its files."""

    model: VideoModel
    folder: Path


def find_video_model(name: str | None, from_picture: bool, checkpoint: Path) -> FoundModel:
    """Return a video model whose files are there.

    Args:
        name: its key, or the folder of its files; None takes the best that suits.
        from_picture: whether the clip begins with a picture.
        checkpoint: folder of the chosen checkpoint, where its files may be.
    Raises:
        InputError: there is no such model, or it takes no picture.
        CheckpointError: its files are not there, or no model's are.
    """
    if name is not None and name not in VIDEO_MODELS:
        return _in_folder(Path(name), from_picture)
    models = [VIDEO_MODELS[name]] if name is not None else list(VIDEO_MODELS.values())
    suiting = [model for model in models if model.from_picture is not None or not from_picture]
    if not suiting:
        raise _takes_no_picture(models[0])
    for model in suiting:
        for place in _places(checkpoint):
            found = presence(model.download, place)
            if found.complete:
                return FoundModel(model, found.folder)
    raise _missing(suiting[0] if name is None else models[0], named=name is not None, from_picture=from_picture)


def _in_folder(folder: Path, from_picture: bool) -> FoundModel:
    for model in VIDEO_MODELS.values():
        if folder.name.lower() != model.download.name.lower():
            continue
        if from_picture and model.from_picture is None:
            raise _takes_no_picture(model)
        lacking = presence(model.download, folder.parent).lacking
        if lacking:
            problem = f"{folder} lacks {lacking[0].path} of {model.title}."
            raise CheckpointError(problem, f"Download it again: {download_command(model)}.")
        return FoundModel(model, folder)
    names = ", ".join(model.download.name for model in VIDEO_MODELS.values())
    cure = f"Use {', '.join(VIDEO_MODELS)}, or a folder named {names}."
    raise InputError(f"There is no video model {str(folder)!r}.", cure)


def _places(checkpoint: Path) -> Iterator[Path]:
    """Yield the folders in which video models are searched for: the checkpoint, and the user's checkpoints."""
    yield checkpoint
    shared = Path(os.environ.get(VARIABLE) or checkpoint)
    yield shared
    try:
        yield from sorted(path for path in shared.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def _takes_no_picture(model: VideoModel) -> InputError:
    able = [other.key for other in VIDEO_MODELS.values() if other.from_picture is not None]
    problem = f"{model.title} makes clips from a text alone, not from a picture or a mesh."
    return InputError(problem, f"Use {' or '.join(able)}, or leave out the picture and the mesh.")


def _missing(model: VideoModel, named: bool, from_picture: bool) -> CheckpointError:
    cure = f"Download it in Backend > Models, or with `{download_command(model)}`."
    if named:
        return CheckpointError(f"The video model {model.title} is not downloaded.", cure)
    source = "a picture and a text" if from_picture else "a text"
    problem = f"No video model that makes a clip from {source} is downloaded."
    return CheckpointError(problem, f"The best is {model.title}. {cure}")


def download_command(model: VideoModel) -> str:
    """Return the command that downloads a model."""
    assert model.key in SETS
    return f"actionmesh download {model.key}"
