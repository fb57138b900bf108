"""Procedural 4D data: creatures in motion, each with a tracked surface and its signed distance, made from a seed."""

from .creatures import TEMPLATES
from .queries import queries, sample_tracked_points, vertex_normals
from .sequence import ToySequence, make_sequence
from .shapes import BlendedBody, BodyBatch, signed_distance, stack_bodies

__all__ = [
    "TEMPLATES", "BlendedBody", "BodyBatch", "ToySequence", "make_sequence", "queries", "sample_tracked_points",
    "signed_distance", "stack_bodies", "vertex_normals",
]  # fmt: skip
