"""All that the add-on draws: the tab "ActionMesh" of the 3D viewport's sidebar, one module per panel, and its company.

That is the box of the installation, the entries in Blender's menus, the status bar, and the arrow in the viewport.
Panels only read the state that the session keeps.
"""

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
