"""What a motion is in numbers: files, axes, times, weights. numpy and safetensors only; nothing here knows Blender."""
