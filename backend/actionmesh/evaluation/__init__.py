"""Measure a checkpoint. This package imports the stages and `training`; only the command `evaluate` imports it."""
