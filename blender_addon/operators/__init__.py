"""The operators, one module per subject. Each reads its settings, calls one function and reports errors."""

from . import (
    animate,
    backend,
    baking,
    clip,
    dropping,
    exporting,
    history,
    install,
    matching,
    mending,
    models,
    results,
    sample,
)

CLASSES = (
    *sample.CLASSES,
    *animate.CLASSES,
    *clip.CLASSES,
    *dropping.CLASSES,
    *results.CLASSES,
    *matching.CLASSES,
    *baking.CLASSES,
    *exporting.CLASSES,
    *history.CLASSES,
    *mending.CLASSES,
    *models.CLASSES,
    *backend.CLASSES,
    *install.CLASSES,
)
