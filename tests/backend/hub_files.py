"""The registry's models on a loopback hub: tiny files of the right kinds."""

import numpy as np
from safetensors.numpy import save


def weights(count=64, seed=0):
    return save({"weight": np.random.default_rng(seed).random(count, dtype=np.float32)})


def stored(downloads, count=64):
    """Return the files of the registry, unsharded, and one that is not needed."""
    return {
        each.hub_id: {
            "README.md": b"unwanted",
            **{
                file.path: b'{"sizes": 1}' if file.path.endswith(".json") else weights(count, number)
                for number, file in enumerate(each.files)
            },
        }
        for each in downloads
    }
