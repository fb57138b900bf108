"""The registry of models: the files of each repository on the hub, their estimated sizes, licences and sets.

This is a table that uses the standard library only, because Blender reads it too. Asking the hub is in `hub.py` and
`resolved.py`, checking what is present in `presence.py`, and what the user sees in `actionmesh/downloads.py`. A value
that was not read from the hub is None here, with no placeholder: it is requested when a model is downloaded, then
shown, and recorded next to the files.

Files are named one by one, by the names that the loaders read. A pattern such as `vae/*.safetensors` would also fetch a
half-precision copy, which nothing reads and which is half as large as the needed file.
"""

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
        bytes, sha256: as the hub gives them for the download's revision; None if they were not read from there.
    """

    path: str
    estimated_bytes: int = 0
    needed: bool = True
    bytes: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.path or self.path.startswith("/") or set(self.path) & set("*?[]\\"):
            raise ValueError(f"{self.path!r} does not name one file of a repository")
        if self.estimated_bytes < 0:
            raise ValueError(f"{self.path} cannot have {self.estimated_bytes} bytes")


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


TRIPOSG, ACTIONMESH, RMBG = DOWNLOADS
SETS = {
    found.key: found
    for found in (
        ModelSet("bundled", "Bundled", "animates simple subjects on any computer", bundled=True),
        ModelSet("actionmesh", "ActionMesh", "animates real clips in full quality; needs a GPU", (TRIPOSG, ACTIONMESH)),
        ModelSet("background", "Background Removal", RMBG.enables, (RMBG,)),
        ModelSet("subject", "Subject Selection", "follows a subject that you point at"),
    )
}
"""By key, in the order in which they are shown."""
