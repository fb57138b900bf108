"""Training of the networks, as the papers do it, on procedural 4D data. Looks down on the rest; nothing looks at it.

toys/          the data: animated creatures with tracked surfaces and exact signed distance
data.py        rendered and stored in shards, read back as tensors
batches.py     what one training step of each network sees
losses.py      the papers' objectives
loop.py        optimiser, averaging, restart, log
recipes.py     the sizes of the bundled checkpoint and how each part is trained
run.py         one part from start to end
export.py      the trained parts as one checkpoint folder
"""
