"""The one table of renames: TripoSG's tensor names -> ours (which are ActionMesh's)."""

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
