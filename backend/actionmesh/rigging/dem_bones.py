"""Skinning decomposition by Dem Bones (Le and Deng 2012 and 2014), a few iterations at a time.

It imports nothing from the package: `decomposition` runs it in another process. The same arrays give the same result.
"""

import numpy as np


def solve(
    rest: np.ndarray,
    poses: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
    matrices: np.ndarray,
    iterations: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Go on with a decomposition.

    Args:
        rest: (V, 3); poses: (T, V, 3); faces: (F, 3), which use every vertex. No two vertices share a place.
        weights: (B, V); matrices: (T, B, 4, 4), from rest to pose, to go on from.
        iterations: how many to do.
    Returns:
        weights and matrices.
    """
    from py_dem_bones import DemBones

    (bones, vertices), count = weights.shape, len(poses)
    solver = DemBones()
    solver.nV, solver.nF, solver.nS, solver.nB = vertices, count, 1, bones
    solver.nnz, solver.nIters = min(4, bones), int(iterations)
    solver.fStart = np.array([0, count], np.int32)
    solver.subjectID = np.zeros(count, np.int32)
    solver.u = np.ascontiguousarray(rest.T, np.float64)
    solver.v = np.ascontiguousarray(poses.transpose(0, 2, 1).reshape(3 * count, vertices), np.float64)
    solver.fv = faces.tolist()
    solver.set_weights(np.ascontiguousarray(weights))
    solver.m = np.ascontiguousarray(matrices.transpose(0, 2, 1, 3).reshape(4 * count, 4 * bones))
    solver.compute()
    blocks = np.asarray(solver.m, np.float64).reshape(count, 4, solver.nB, 4)
    return np.array(solver.get_weights(), np.float64), np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))
