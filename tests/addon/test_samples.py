import numpy as np

from blender_addon.motion.weights import Loop, samples

FRAMES = np.array([3.0, 4.0, 5.5, 6.5])
WEIGHTS = np.array([0.1, 0.9, 0.0, 0.4])


def test_every_pose_has_its_weight():
    for loop in (Loop.NONE, Loop.PING_PONG):
        np.testing.assert_array_equal(samples(FRAMES, WEIGHTS, loop), np.stack([FRAMES, WEIGHTS], axis=1))


def test_loop_ends_with_the_first_weight_one_usual_step_later():
    points = samples(FRAMES, WEIGHTS, Loop.LOOP)
    np.testing.assert_array_equal(points[:-1], np.stack([FRAMES, WEIGHTS], axis=1))
    np.testing.assert_array_equal(points[-1], [7.5, 0.1])
