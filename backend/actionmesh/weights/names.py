"""The tables of renames: tensor names of public files -> those of our networks.

TripoSG's names become ActionMesh's, which are ours. The image encoder is a network of the transformers library, whose
version 5 renamed the attention's tensors: files saved by version 4 become version 5's.
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
    """`decoder.blocks.0.attn1.to_q.weight` -> `decoder.blocks.0.s_attn.to_q.weight`; names that are ours already stay."""
    return ".".join(RENAMES.get(part, part) for part in name.split("."))


def their_name(name: str) -> str:
    """The inverse of `our_name`."""
    back = {ours: theirs for theirs, ours in RENAMES.items()}
    return ".".join(back.get(part, part) for part in name.split("."))


ENCODER_RENAMES = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


def encoder_name(name: str) -> str:
    """Return a tensor's name of Dinov2Model as transformers 5 has it, given that or transformers 4's."""
    for old, new in ENCODER_RENAMES.items():
        name = name.replace(old, new)
    return name
