"""Facts about a checkpoint that do not need its networks."""

from pathlib import Path

from torch import Tensor

from ..errors import CheckpointError, InputError
from ..models.config import read_json
from ..models.denoiser import TemporalDenoiserConfig
from ..models.image_preprocessing import ImagePreprocessing
from ..presets import PRESETS, Preset
from ..protocol.limits import shown
from .checkpoints import open_checkpoint

MOST_SHIFT = 100


class CheckpointFacts:
    """Sizes, schedules, presets and latent statistics of the checkpoint in a folder.

    Raises:
        CheckpointError: the checkpoint is not complete.
    """

    def __init__(self, folder: Path):
        self.checkpoint = open_checkpoint(folder)
        self.settings = self.checkpoint.settings

    @property
    def removes_background(self) -> bool:
        """Whether the checkpoint has an RMBG folder."""
        return self.checkpoint.background_removal is not None

    @property
    def tracks_subjects(self) -> bool:
        """Whether the checkpoint has a folder of SAM 2.1 or EdgeTAM."""
        return self.checkpoint.subject_tracker is not None

    @property
    def tokens(self) -> int:
        """N, the number of latent tokens per frame."""
        return self._temporal_config().num_tokens_nominal

    @property
    def window(self) -> int:
        """T, the frames that are generated together."""
        return self._temporal_config().temporal_context_size

    @property
    def image_to_3d_shift(self) -> float:
        """Shift of Stage 0's noise schedule."""
        shift = read_json(self.checkpoint.scheduler).get("shift", 1.0)
        if isinstance(shift, bool) or not isinstance(shift, int | float) or not 0 < shift <= MOST_SHIFT:
            problem = f"{self.checkpoint.scheduler} sets shift to {shown(shift)}."
            raise CheckpointError(problem, f"Use a number above 0 and at most {MOST_SHIFT}.")
        return float(shift)

    def image_preprocessing(self) -> ImagePreprocessing:
        return ImagePreprocessing.load(self.checkpoint.image_preprocessing)

    def preset(self, name: str) -> Preset:
        """Return the preset with this checkpoint's own numbers; raise InputError for an unknown name."""
        if name not in PRESETS:
            raise InputError(f"There is no preset {name!r}.", f"Use one of {', '.join(PRESETS)}.")
        return PRESETS[name].overridden(
            self.settings.presets.get(name, {}), str(self.checkpoint.path / "checkpoint.json")
        )

    def normalise(self, latents: Tensor) -> Tensor:
        """Turn the VAE's latents (..., D) into what the denoisers see."""
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def denormalise(self, latents: Tensor) -> Tensor:
        """Turn what the denoisers see (..., D) into the VAE's latents."""
        mean, std = self._statistics(latents)
        return latents * std + mean

    def _temporal_config(self) -> TemporalDenoiserConfig:
        return TemporalDenoiserConfig.load(self.checkpoint.temporal_denoiser / "config.json")

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        settings = self.settings
        if not settings.latent_mean:
            return like.new_zeros(1), like.new_ones(1)
        return like.new_tensor(settings.latent_mean), like.new_tensor(settings.latent_std)
