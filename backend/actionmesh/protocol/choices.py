"""The choices of a job: what may stand in its fields, in the words that both sides and files use."""

from enum import StrEnum


class PresetName(StrEnum):
    """How much work a job does, from the least; `presets.PRESETS` has the numbers."""

    DEMO = "demo"
    FAST = "fast"
    BALANCED = "balanced"
    QUALITY = "quality"


class ResultFormat(StrEnum):
    """What a result is written as, by the ending of its name; no ending stands for a folder with a mesh per pose."""

    ARRAYS = ".safetensors"
    ANIMATED_MESH = ".glb"
    NUMPY_ARRAYS = ".npz"
    CONTACT_SHEET = ".png"
    FILM = ".mp4"
    FOLDER = ""


class Memory(StrEnum):
    """The memory plan of a job: the GB of the card it is made for. AUTO takes the roomiest plan that fits."""

    AUTO = "auto"
    GB_24 = "24"
    GB_12 = "12"
    GB_8 = "8"
    GB_6 = "6"


class ReferencePose(StrEnum):
    """Where Stage II puts the mesh at the anchor frame, where its shape is known, and so at all other times.

    CORRECTED: the network's error at a window's source frame is subtracted from every pose, so that the anchor pose is
        exactly the reference mesh.
    PUBLISHED: the anchor pose is exactly the reference mesh and is not decoded; every other pose is as decoded.
    DECODED: every pose is as decoded, including the anchor's.
    """

    CORRECTED = "corrected"
    PUBLISHED = "published"
    DECODED = "decoded"

    @classmethod
    def by_default(cls, own_mesh: bool) -> "ReferencePose":
        """Return the default for a job; `own_mesh` says whether the mesh is the artist's or made from the clip."""
        return cls.CORRECTED if own_mesh else cls.DECODED


class Match(StrEnum):
    """How an animation is matched to its clip.

    OFF leaves it as it is, REFINE starts from the network's poses, and TRACK from the still mesh. AUTO refines
    motion that explains the clip well, and otherwise takes the better of the two.
    """

    AUTO = "auto"
    OFF = "off"
    REFINE = "refine"
    TRACK = "track"


class Facing(StrEnum):
    """The side of the mesh that the camera sees in the reference frame, as an axis of model space (+Y up).

    AUTO finds it.
    """

    AUTO = "auto"
    FRONT = "+Z"
    BACK = "-Z"
    RIGHT = "+X"
    LEFT = "-X"


class Shape(StrEnum):
    """Where the mesh comes from if a job has only a clip: the network, or a relief of the subject's outline."""

    AUTO = "auto"
    NETWORK = "network"
    RELIEF = "relief"
