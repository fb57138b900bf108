"""Checkpoints: where they lie, how their tensors are named, and the networks built from them."""
