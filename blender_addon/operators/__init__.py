"""The operators, one module per subject. Each reads its settings, calls one function and reports errors."""

from . import (
    animating,
    backend_control,
    bake,
    bake_armature,
    bake_own_armature,
    clip,
    clip_batching,
    dropping,
    editing,
    export_file,
    install_backend,
    job_folders,
    matching,
    mending,
    model_downloads,
    picking,
    result_actions,
    results,
    sample,
    subject_list,
)

MODULES = (
    sample, animating, clip, picking, subject_list, clip_batching, dropping, results, matching, editing,
    result_actions, bake, bake_armature, bake_own_armature, export_file, job_folders, mending, model_downloads,
    backend_control, install_backend,
)  # fmt: skip
"""In the order in which their classes are registered."""
CLASSES = tuple(group for module in MODULES for group in module.CLASSES)
