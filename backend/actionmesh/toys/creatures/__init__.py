"""Templates of creatures and things. Each makes a rig with random proportions, colours and movement. Left is +X."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..motion import Wave
from ..rig import Rig, Y
from .biped import biped
from .bird import bird
from .box import box
from .chimera import chimera
from .fish import fish
from .flag import flag
from .flower import flower
from .insect import insect
from .jelly import jelly
from .octopus import octopus
from .quadruped import quadruped
from .snake import snake
from .spring import spring

HOPPING = 0.12


@dataclass(frozen=True)
class Template:
    """How to make a creature, and its yaw in degrees about +Y: a base of either sign, and a spread."""

    grow: Callable[[np.random.Generator], Rig]
    base_yaw: float
    yaw_spread: float


TEMPLATES: dict[str, Template] = {
    "quadruped": Template(quadruped, base_yaw=90, yaw_spread=40),
    "biped": Template(biped, base_yaw=0, yaw_spread=45),
    "bird": Template(bird, base_yaw=0, yaw_spread=45),
    "fish": Template(fish, base_yaw=90, yaw_spread=40),
    "snake": Template(snake, base_yaw=90, yaw_spread=40),
    "octopus": Template(octopus, base_yaw=0, yaw_spread=45),
    "flower": Template(flower, base_yaw=0, yaw_spread=45),
    "insect": Template(insect, base_yaw=45, yaw_spread=45),
    "spring": Template(spring, base_yaw=0, yaw_spread=45),
    "flag": Template(flag, base_yaw=0, yaw_spread=40),
    "box": Template(box, base_yaw=0, yaw_spread=45),
    "jelly": Template(jelly, base_yaw=0, yaw_spread=45),
}
TRAINING_ONLY = {"chimera": Template(chimera, base_yaw=0, yaw_spread=180)}
"""Templates that must be asked for by name: no seed draws them, and nothing is measured on them."""
NAMES = (*TEMPLATES, *TRAINING_ONLY)


def template_of(name: str) -> Template:
    """Return a template of either kind; raise KeyError if there is none."""
    return TEMPLATES[name] if name in TEMPLATES else TRAINING_ONLY[name]


def grow(name: str, rng: np.random.Generator) -> Rig:
    """Make a creature from a template; some also hop, squashed on landing and stretched in the air."""
    rig = template_of(name).grow(rng)
    if rig.stretch is None and rng.random() < HOPPING:
        rig.shifts.append((Y, Wave(rng.uniform(0.1, 0.2), hop=True)))
        rig.stretch = Wave(rng.uniform(0.06, 0.14), delay=0.25)
    return rig
