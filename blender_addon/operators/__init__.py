"""What an artist can do, one module a subject. An operator reads its settings, calls one function, and reports errors."""

from . import animate, backend, baking, clip, exporting, history, install, matching, mending, results

CLASSES = (
    *animate.CLASSES,
    *clip.CLASSES,
    *results.CLASSES,
    *matching.CLASSES,
    *baking.CLASSES,
    *exporting.CLASSES,
    *history.CLASSES,
    *mending.CLASSES,
    *backend.CLASSES,
    *install.CLASSES,
)
