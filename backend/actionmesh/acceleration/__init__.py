"""How a card runs the networks fast: attention kernels, compiled blocks, CUDA graphs, 8-bit products, skip connections.

`models/` holds the mathematics and calls in here in a few places. Everything here has a plain counterpart that gives the
same answer.
"""
