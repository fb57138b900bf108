"""Checkpoints: where they are, what their files say, and how their tensors are named and read."""
