"""Measure a checkpoint. This package imports the stages; nothing imports it except the evaluate command."""
