"""How a card runs the networks fast: attention kernels, compiled blocks, CUDA graphs, 8-bit products, skips.

`models/` holds the mathematics and calls this package in a few places. Everything here has a plain counterpart that
gives the same answer.
"""
