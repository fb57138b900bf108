"""Measure a checkpoint. This package imports the stages and `toys`; only the command `evaluate` imports it."""
