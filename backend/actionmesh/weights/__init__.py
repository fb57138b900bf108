"""Checkpoints: where they are, how their tensors are named, and the networks built from them."""
