"""Train the networks as the papers do, on procedural 4D data or on your own files.

This package imports from the rest of `actionmesh`, which does not import from it.

recipes.py      presets: how each part is trained; the networks' sizes are in actionmesh/sizes.py
run.py          one part from start to end
parts.py        the finished parts of a run
loop.py         steps, averaging, restarts; see optimisers.py, state.py and log.py
shares.py       the rows of a batch that each process computes; devices.py: device and precision
objectives.py   what each part minimises, as modules; losses.py: the papers' losses; patches.py: the image encoder's
                second task
draws.py        everything random in a step; batches.py: what is drawn from toys
recomputing.py  activation checkpointing
latent_cache.py latents encoded once
board.py        TensorBoard: scalars and pictures; see unseen_pictures.py and live_model.py
data.py         toys (actionmesh/toys) rendered and stored in shards, read back as tensors; see masks.py
tracked.py      your own data set, tracked by Blender; see actionmesh/track_file.py
sources.py      toys, tracked files or mixtures of them through one interface
export.py       the trained parts as one checkpoint folder; average.py: the mean of two checkpoints
"""
