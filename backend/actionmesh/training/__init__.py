"""Training of the networks, as the papers do it, on procedural 4D data or on files of one's own. Looks down on the rest; nothing
looks at it.

recipes.py     the table of presets: sizes, and how each part is trained
run.py         one part from start to end
parts.py       the finished parts of a run
loop.py        steps, averaging, restarts; optimisers.py, state.py, log.py
shares.py      which rows of a batch a process computes; devices.py: where and in which precision
objectives.py  what each part minimises, as modules; losses.py: the papers' losses; patches.py: the image encoder's second task
draws.py       everything random in a step; batches.py: what is drawn from toys
recomputing.py activation checkpointing
latent_cache.py latents encoded once
board.py       TensorBoard: scalars and pictures; unseen_pictures.py, live_store.py
toys/          procedural data: animated creatures with tracked surfaces and exact signed distance
data.py        toys rendered and stored in shards, read back as tensors; masks.py
tracked.py     a data set of one's own, tracked by Blender; track_file.py
sources.py     either, through one interface
export.py      the trained parts as one checkpoint folder
"""
