"""Measures of a checkpoint. Looks down on the stages; nothing looks at it."""
