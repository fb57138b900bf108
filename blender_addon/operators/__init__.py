"""The operators, one module per subject. Each reads its settings, calls one function and reports errors."""

from . import (
    animating,
    backend_control,
    bake,
    bake_armature,
    clip,
    dropping,
    editing,
    export_file,
    install_backend,
    job_folders,
    matching,
    mending,
    model_downloads,
    result_actions,
    results,
    sample,
)

CLASSES = (
    *sample.CLASSES,
    *animating.CLASSES,
    *clip.CLASSES,
    *dropping.CLASSES,
    *results.CLASSES,
    *matching.CLASSES,
    *editing.CLASSES,
    *result_actions.CLASSES,
    *bake.CLASSES,
    *bake_armature.CLASSES,
    *export_file.CLASSES,
    *job_folders.CLASSES,
    *mending.CLASSES,
    *model_downloads.CLASSES,
    *backend_control.CLASSES,
    *install_backend.CLASSES,
)
