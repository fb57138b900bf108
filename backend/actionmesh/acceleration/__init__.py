"""How networks run fast and in little memory; `models/` holds the mathematics and calls this package in a few places.

execution.py    the switches
kernels.py      attention
products.py     fused, joined and divided matrix products
rotation.py     rotary position embedding
compilation.py  compiled blocks
skips.py        U-Net skips that wait in main memory
graphs.py       CUDA graphs (experimental, off)
float8.py       8-bit products (experimental, off)

Everything here has a plain counterpart that gives the same answer within rounding; only float8.py does not. No CUDA
card was at hand, so nothing here has been timed on one: docs/performance.md lists what is experimental. Each module
says which library would do its work, and why it does not.
"""
