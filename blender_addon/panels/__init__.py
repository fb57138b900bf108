"""The tab "ActionMesh" of the 3D viewport's sidebar, one module per panel."""

from . import animate, backend, bake_export, history, models, progress, result

CLASSES = (
    *animate.CLASSES,
    *progress.CLASSES,
    *result.CLASSES,
    *bake_export.CLASSES,
    *history.CLASSES,
    *backend.CLASSES,
    *models.CLASSES,
)
