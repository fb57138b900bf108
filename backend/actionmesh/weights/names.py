"""Tables of renames: tensor names of the public files -> those of our networks.

TripoSG's names become ActionMesh's, which our networks use. The image encoder is a network of the transformers library.
Version 5 of that library renamed the attention's tensors: names saved by version 4 become those of version 5.
"""

RENAMES = {
    "norm1": "norm_s_attn",
    "attn1": "s_attn",
    "norm2": "norm_x_attn",
    "attn2": "x_attn",
    "norm3": "norm_ff",
    "skip_norm": "norm_skip",
    "skip_linear": "linear_skip",
}


def our_name(name: str) -> str:
    """Return our name: `decoder.blocks.0.attn1.to_q.weight` -> `decoder.blocks.0.s_attn.to_q.weight`; ours stay."""
    return ".".join(RENAMES.get(part, part) for part in name.split("."))


def their_name(name: str) -> str:
    """Return the public name; the inverse of `our_name`."""
    back = {ours: theirs for theirs, ours in RENAMES.items()}
    return ".".join(back.get(part, part) for part in name.split("."))


ENCODER_RENAMES = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


def encoder_name(name: str) -> str:
    """Return the name of a Dinov2Model tensor in transformers 5, given that name or the one of transformers 4."""
    for old, new in ENCODER_RENAMES.items():
        name = name.replace(old, new)
    return name
