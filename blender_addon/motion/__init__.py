"""A motion as numbers: files, axes, times and weights. Uses numpy and safetensors only; nothing here knows Blender."""
