"""Smaller morph targets in a finished .glb, for the backend's results and for what Blender's exporter wrote.

Numbers are stored as 8 or 16 bits instead of 32 (the extension KHR_mesh_quantization), and only for the vertices that
move (sparse accessors). Blender loads this package by path too: it imports numpy and the standard library alone.

codes      the numbers of one target: how many bits, and which vertices
container  a .glb as JSON and bytes, and the accessors in it
rewriting  all targets of a file, and the scale of their nodes
"""

from .rewriting import USUAL_ERROR, Compacted, compact

__all__ = ["USUAL_ERROR", "Compacted", "compact"]
