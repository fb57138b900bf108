"""ActionMesh: a video becomes a mesh animated by vertices, one topology in all frames.

`pipeline.animate` tells the story; `stages` has one module for each stage of the paper.
"""

__version__ = "0.1.0"
