"""ActionMesh: turn a video into an animated mesh with the same topology in every frame.

Start reading at `pipeline.animate`; `stages` has one module for each stage of the paper.
"""

__version__ = "0.1.0"
