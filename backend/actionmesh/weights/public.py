"""The registry of models: the files of each repository on the hub, their estimated sizes, licences and sets.

This is a table that uses the standard library only, because Blender reads it too. Asking the hub is in `hub.py` and
`resolved.py`, checking what is present in `presence.py`, and what the user sees in `actionmesh/downloads.py`. A value
that was not read from the hub is None here, with no placeholder: it is requested when a model is downloaded, then
shown, and recorded next to the files.

Files are named one by one, by the names that the loaders read. A pattern such as `vae/*.safetensors` would also fetch a
half-precision copy, which nothing reads and which is half as large as the needed file. A large file may be split on the
hub into shards and an index that names them; how many there are is read from there.
"""

import re
from dataclasses import dataclass

HUB = "https://huggingface.co"
FLOAT32 = 4
"""Bytes of a parameter."""


@dataclass(frozen=True)
class PublicFile:
    """A file of a repository.

    Args:
        path: in the repository, with `/`, and in the target folder; as a pattern it matches only itself.
        estimated_bytes: 0 for a file of a few kB.
        needed: whether the program reads it.
        sharded: whether the repository may hold it as shards and an index instead.
        bytes, sha256: as the hub gives them for the download's revision; None if they were not read from there.
    """

    path: str
    estimated_bytes: int = 0
    needed: bool = True
    sharded: bool = False
    bytes: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.path or self.path.startswith("/") or set(self.path) & set("*?[]\\"):
            raise ValueError(f"{self.path!r} does not name one file of a repository")
        if self.estimated_bytes < 0:
            raise ValueError(f"{self.path} cannot have {self.estimated_bytes} bytes")

    @property
    def index(self) -> str:
        """The path of the index, if the file is sharded; it is downloaded after all shards."""
        return f"{self.path}.index.json"

    @property
    def places(self) -> tuple[str, ...]:
        """The paths of which one exists if the file is complete."""
        return (self.path, self.index) if self.sharded else (self.path,)

    def is_shard(self, path: str) -> bool:
        """Return whether `path` is one of the file's shards, such as `model-00001-of-00003.safetensors`."""
        stem, _, ending = self.path.rpartition(".")
        return self.sharded and re.fullmatch(rf"{re.escape(stem)}-\d+-of-\d+\.{ending}", path) is not None


@dataclass(frozen=True)
class Licence:
    """The terms of a model.

    Args:
        commercial: whether results may be used commercially.
        link: where to read it; empty means on the model's page.
    """

    name: str
    commercial: bool
    link: str = ""


@dataclass(frozen=True)
class Download:
    """The files to fetch from one repository.

    Args:
        hub_id: OWNER/NAME; `checkpoints.find_folders` uses NAME too.
        enables: what the program does with it, as shown to the user.
        optional: whether the program animates without it.
        revision: the commit that the files' `bytes` and `sha256` belong to; None selects the newest one on the hub.
    """

    hub_id: str
    enables: str
    licence: Licence
    files: tuple[PublicFile, ...]
    optional: bool = False
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.hub_id.count("/") != 1:
            raise ValueError(f"{self.hub_id!r} is not OWNER/NAME")
        if not self.files or len(set(self.patterns)) < len(self.files):
            raise ValueError(
                f"{self.hub_id} names {len(self.files)} files, {len(set(self.patterns))} of them different"
            )

    @property
    def name(self) -> str:
        return self.hub_id.partition("/")[2]

    @property
    def page(self) -> str:
        return f"{HUB}/{self.hub_id}"

    @property
    def licence_link(self) -> str:
        return self.licence.link or self.page

    @property
    def patterns(self) -> tuple[str, ...]:
        """The arguments of `hf download --include`."""
        return tuple(file.path for file in self.files)

    @property
    def estimated_bytes(self) -> int:
        return sum(file.estimated_bytes for file in self.files)


APACHE = Licence("Apache-2.0", commercial=True)
DOWNLOADS = (
    Download(
        "VAST-AI/TripoSG",
        "looks at the clip, makes a mesh from a picture, encodes your own mesh",
        Licence("MIT, its image encoder (DINOv2) Apache-2.0", commercial=True),
        (
            PublicFile("model_index.json", needed=False),
            PublicFile("scheduler/scheduler_config.json"),
            PublicFile("feature_extractor_dinov2/preprocessor_config.json"),
            PublicFile("image_encoder_dinov2/config.json"),
            PublicFile("image_encoder_dinov2/model.safetensors", 1_220_000_000),
            PublicFile("transformer/config.json"),
            PublicFile("transformer/diffusion_pytorch_model.safetensors", 5_800_000_000),
            PublicFile("vae/config.json"),
            PublicFile("vae/diffusion_pytorch_model.safetensors", 1_000_000_000),
        ),
    ),
    Download(
        "facebook/ActionMesh",
        "finds the motion and moves the mesh",
        Licence("non-commercial research only", commercial=False),
        (
            PublicFile("denoiser/config.json"),
            PublicFile("denoiser/model.safetensors", FLOAT32 * 1_439_600_000),
            PublicFile("autoencoder/config.json"),
            PublicFile("autoencoder/model.safetensors", FLOAT32 * 214_200_000),
        ),
    ),
    Download(
        "briaai/RMBG-1.4",
        "cuts the subject out of any background",
        Licence(
            "non-commercial use only",
            commercial=False,
            link="https://bria.ai/bria-huggingface-model-license-agreement/",
        ),
        (PublicFile("config.json"), PublicFile("model.safetensors", FLOAT32 * 44_100_000)),
        optional=True,
    ),
    Download(
        "facebook/sam2.1-hiera-tiny",
        "follows a subject that you point at",
        APACHE,
        (PublicFile("config.json"), PublicFile("model.safetensors", FLOAT32 * 38_900_000)),
        optional=True,
    ),
    Download(
        "facebook/sam2.1-hiera-large",
        "follows a subject that you point at, more surely; slow without a GPU",
        APACHE,
        (PublicFile("config.json"), PublicFile("model.safetensors", FLOAT32 * 224_400_000)),
        optional=True,
    ),
    Download(
        "yonigozlan/EdgeTAM-hf",
        "follows a subject that you point at, on small computers",
        APACHE,
        (PublicFile("config.json"), PublicFile("model.safetensors", FLOAT32 * 13_900_000)),
        optional=True,
    ),
)
"""In the order in which they are listed. TripoSG's estimates come from the apparent sizes of its files, the others from
their numbers of parameters as float32."""


@dataclass(frozen=True)
class ModelSet:
    """Models that are downloaded together.

    Args:
        key: its name on the command line.
        title: its name for artists.
        enables: what the program does with it, as shown to the user.
        downloads: empty if the set comes with the program, or has no models yet.
        bundled: whether it comes with the program.
    """

    key: str
    title: str
    enables: str
    downloads: tuple[Download, ...] = ()
    bundled: bool = False

    @property
    def estimated_bytes(self) -> int:
        return sum(download.estimated_bytes for download in self.downloads)


TRIPOSG, ACTIONMESH, RMBG, SAM_TINY, SAM_LARGE, EDGETAM = DOWNLOADS


def diffusers_files(text_encoder: int, transformer: int, vae: int, tokenizer: str) -> tuple[PublicFile, ...]:
    """Return the files of a video model in the layout of the diffusers library; the arguments are estimates in bytes.

    Args:
        tokenizer: the file of the tokenizer's vocabulary.
    """
    return (
        PublicFile("model_index.json", needed=False),
        PublicFile("scheduler/scheduler_config.json"),
        PublicFile("tokenizer/tokenizer_config.json"),
        PublicFile("tokenizer/special_tokens_map.json", needed=False),
        PublicFile(f"tokenizer/{tokenizer}"),
        PublicFile("text_encoder/config.json"),
        PublicFile("text_encoder/model.safetensors", text_encoder, sharded=True),
        PublicFile("transformer/config.json"),
        PublicFile("transformer/diffusion_pytorch_model.safetensors", transformer, sharded=True),
        PublicFile("vae/config.json"),
        PublicFile("vae/diffusion_pytorch_model.safetensors", vae, sharded=True),
    )


WAN_TI2V = Download(
    "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    "makes a clip from a text, from a picture and a text, or from your mesh and a text",
    APACHE,
    diffusers_files(11_400_000_000, 20_000_000_000, 2_800_000_000, "tokenizer.json"),
    optional=True,
)
WAN_T2V = Download(
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "makes a clip from a text, on small cards too",
    APACHE,
    diffusers_files(22_700_000_000, 5_700_000_000, 500_000_000, "tokenizer.json"),
    optional=True,
)
COGVIDEOX = Download(
    "zai-org/CogVideoX-2b",
    "makes a clip from a text in English, on small cards too",
    APACHE,
    diffusers_files(9_500_000_000, 3_400_000_000, 430_000_000, "spiece.model"),
    optional=True,
)
"""Video models. The estimates are numbers of parameters times the bytes of the type in which they are published."""

SETS = {
    found.key: found
    for found in (
        ModelSet("bundled", "Bundled", "animates simple subjects on any computer", bundled=True),
        ModelSet("actionmesh", "ActionMesh", "animates real clips in full quality; needs a GPU", (TRIPOSG, ACTIONMESH)),
        ModelSet("background", "Background Removal", RMBG.enables, (RMBG,)),
        ModelSet("subject", "Subject Selection", SAM_TINY.enables, (SAM_TINY,)),
        ModelSet("subject-large", "Subject Selection, Large", SAM_LARGE.enables, (SAM_LARGE,)),
        ModelSet("subject-light", "Subject Selection, Light", EDGETAM.enables, (EDGETAM,)),
        ModelSet("wan-5b", "Clips from Text and Pictures (Wan 2.2)", WAN_TI2V.enables, (WAN_TI2V,)),
        ModelSet("wan-1.3b", "Clips from Text (Wan 2.1, small)", WAN_T2V.enables, (WAN_T2V,)),
        ModelSet("cogvideox-2b", "Clips from Text (CogVideoX)", COGVIDEOX.enables, (COGVIDEOX,)),
    )
}
"""By key, in the order in which they are shown."""
VIDEO_SETS = ("wan-5b", "wan-1.3b", "cogvideox-2b")
"""The sets that make clips, the best first; `filming.video_models` says how they run."""
PICTURE_SETS = ("wan-5b",)
"""Those of them that start from a picture too."""
