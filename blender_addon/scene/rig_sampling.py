"""What an armature and its animated meshes look like at any frame, without a change of the artist's scene.

Copies of the meshes are in a scene of their own, with the modifiers up to the Armature's: one copy moves as the mesh
does, the other has no ActionMesh keys and no armature, so it is what the bones have to move.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ..errors import ArtistError
from ..motion.joints import LOCATION, ROTATION, SCALE, Joints, Pose, euler, forward, limited
from ..motion.skin import Skin, skin_of
from .duplicates import copy_of
from .key_blocks import pose_keys, remove_blocks
from .own_rig import OwnRig
from .root_motion import carries_root, home_matrix
from .stand_in import read_places

NAME, BLOCK = "ActionMesh Sampling", 4096
CLOSE = 1e-3
"""Share of a bone's own axes, or of the rig's size, by which a bone may lie elsewhere than its channels say."""


class RigSampler:
    """A rig's meshes and bones at the frame last asked for; made by `sampling`. Arrays are in the armature's space.

    Args:
        moved, still: copies of the rig's meshes.
        homes: for a mesh that carries extracted root motion, its own matrix without it; otherwise None.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        rig: OwnRig,
        moved: list[bpy.types.Object],
        still: list[bpy.types.Object],
        homes: list[np.ndarray | None],
    ):
        self.rig = rig
        self._scene, self._moved, self._still, self._homes = scene, moved, still, homes

    def go(self, frame: float) -> None:
        whole = int(np.floor(frame))
        self._scene.frame_set(whole, subframe=frame - whole)

    def moved(self, mesh: int) -> np.ndarray:
        """Return (V, 3) float64, where the vertices of a mesh of the rig are drawn."""
        drawn = self._drawn(self._moved[mesh])
        return self._in_armature(read_places(drawn.data), np.array(drawn.matrix_world, np.float64))

    def still(self, mesh: int) -> np.ndarray:
        """Return (V, 3) float64, where they would be without the motion and the armature."""
        drawn, home = self._drawn(self._still[mesh]), self._homes[mesh]
        matrix = np.array(drawn.matrix_world, np.float64)
        if home is not None:
            matrix = matrix @ np.linalg.inv(np.array(drawn.matrix_basis, np.float64)) @ home
        return self._in_armature(read_places(drawn.data), matrix)

    def bind_again(self) -> None:
        """Let the armature move the still copies, at home; `moved` then returns what is drawn of these."""
        for made, name, home in zip(self._still, self.rig.modifiers, self._homes, strict=True):
            made.modifiers[name].show_viewport = True
            if home is not None:
                made.animation_data_clear()
                made.matrix_basis = Matrix(home.tolist())
        self._moved = self._still

    def home(self, joints: Joints) -> Pose:
        """Return the pose of the rig's bones.

        Raises:
            ArtistError: a bone is not where its channels put it.
        """
        posed = self._drawn(self.rig.armature).pose.bones
        values, turns = np.zeros((len(joints.names), 9)), np.empty((len(joints.names), 3, 3))
        for number, name in enumerate(joints.names):
            bone, order = posed[name], joints.orders[number]
            turns[number] = np.array(_rotation(bone).to_matrix())
            if not (bone.bone.use_connect and bone.parent is not None):
                values[number, LOCATION] = bone.location
            values[number, SCALE] = bone.scale
            if not np.abs(values[number, SCALE]).min() > 1e-6:
                raise ArtistError(f"The bone {name!r} is scaled to nothing.", "Give it a scale above 0.")
            if order:
                same = bone.rotation_mode == order
                angles = np.array(bone.rotation_euler, np.float64) if same else np.zeros(3)
                values[number, ROTATION] = angles if same else euler(order, turns[number], angles)
        pose = limited(joints, Pose(values, turns))
        self._check(joints, pose, np.array([posed[name].matrix for name in joints.names], np.float64))
        return pose

    def skin(self, mesh: int, joints: Joints) -> Generator[None, None, Skin]:
        """Read the weights of a mesh's vertices, in slices."""
        made, modifier = self._still[mesh], self._still[mesh].modifiers[self.rig.modifiers[mesh]]
        names = [group.name for group in made.vertex_groups]
        bones_of = self.rig.armature.data.bones
        known = [name in joints.names and bones_of[name].use_deform for name in names]
        bone_of = np.array([joints.names.index(n) if k else -1 for n, k in zip(names, known, strict=True)] or [-1])
        count, found = len(self._drawn(made).data.vertices), []
        for part in self._groups(mesh):
            found.append(part)
            yield
        vertices, groups, weights = (np.concatenate(column) for column in zip(*found, strict=True))
        follow: np.ndarray = np.ones(count)
        if modifier.vertex_group in names:
            chosen = groups == names.index(modifier.vertex_group)
            share = np.bincount(vertices[chosen], weights[chosen], count)
            follow = 1 - share if modifier.invert_vertex_group else share
        bones = bone_of[groups]
        kept = bones >= 0
        return skin_of(vertices[kept], bones[kept], weights[kept], follow, len(joints.names))

    def weighted(self) -> Generator[None, None, set[str]]:
        """Return the names of the vertex groups that have a weight, in slices."""
        found: set[str] = set()
        for mesh, made in enumerate(self._still):
            for _vertices, groups, weights in self._groups(mesh):
                found |= {made.vertex_groups[group].name for group in np.unique(groups[weights > 0]).tolist()}
                yield
        return found

    def _groups(self, mesh: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield, block by block, entries of vertex, group and weight of the mesh that the armature gets."""
        kept = bpy.data.meshes.new_from_object(
            self._drawn(self._still[mesh]), preserve_all_data_layers=True, depsgraph=self._depsgraph
        )
        try:
            for start in range(0, len(kept.vertices), BLOCK):
                entries = [
                    (vertex.index, group.group, group.weight)
                    for vertex in kept.vertices[start : start + BLOCK]
                    for group in vertex.groups
                ]
                table = np.array(entries, np.float64).reshape(-1, 3)
                yield table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]
        finally:
            bpy.data.meshes.remove(kept)

    @property
    def _depsgraph(self) -> bpy.types.Depsgraph:
        return self._scene.view_layers[0].depsgraph

    def _drawn(self, item: bpy.types.Object) -> bpy.types.Object:
        return item.evaluated_get(self._depsgraph)

    def _in_armature(self, places: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        across = np.linalg.inv(np.array(self._drawn(self.rig.armature).matrix_world, np.float64)) @ matrix
        return places @ across[:3, :3].T + across[:3, 3]

    def _check(self, joints: Joints, pose: Pose, there: np.ndarray) -> None:
        if not len(there):
            return
        off = np.abs(forward(joints, pose)[1] - there)
        size = float(np.ptp(joints.rests[:, :3, 3], axis=0).max()) or 1.0
        off[:, :3, 3] /= max(size, float(np.abs(there[:, :3, 3]).max()))
        worst = int(off.max(axis=(1, 2)).argmax())
        if off[worst].max() > CLOSE:
            problem = f"Something besides its channels poses the bone {joints.names[worst]!r} of "
            problem += f"{self.rig.armature.name}."
            raise ArtistError(problem, "Bake its pose with Pose > Animation > Bake Action.")


def _rotation(bone: bpy.types.PoseBone) -> Quaternion:
    if bone.rotation_mode == "QUATERNION":
        return bone.rotation_quaternion.normalized()
    if bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = bone.rotation_axis_angle
        return Quaternion(axis, angle)
    return bone.rotation_euler.to_quaternion()


@contextmanager
def sampling(rig: OwnRig) -> Iterator[RigSampler]:
    """Yield a sampler of a rig; all that it needs is removed afterwards."""
    here = bpy.context.scene
    with ExitStack() as undo:
        scene = bpy.data.scenes.new(NAME)
        undo.callback(bpy.data.scenes.remove, scene)
        for name in ("fps", "fps_base"):
            setattr(scene.render, name, getattr(here.render, name))
        moved = [_copy(mesh, name, scene, undo) for mesh, name in zip(rig.meshes, rig.modifiers, strict=True)]
        still = [_copy(mesh, name, scene, undo) for mesh, name in zip(rig.meshes, rig.modifiers, strict=True)]
        for made, name in zip(still, rig.modifiers, strict=True):
            key = made.data.shape_keys
            remove_blocks(made, pose_keys(key))
            key.use_relative = True
            made.modifiers[name].show_viewport = False
        homes = [home_matrix(mesh) if carries_root(mesh) else None for mesh in rig.meshes]
        yield RigSampler(scene, rig, moved, still, homes)


def _copy(mesh: bpy.types.Object, modifier: str, scene: bpy.types.Scene, undo: ExitStack) -> bpy.types.Object:
    """Put a copy of a mesh into a scene, with the modifiers up to one."""
    made = copy_of(mesh, NAME, undo)
    made.hide_viewport = made.show_only_shape_key = False
    place = made.modifiers.find(modifier)
    for later in list(made.modifiers)[place + 1 :]:
        made.modifiers.remove(later)
    scene.collection.objects.link(made)
    return made
