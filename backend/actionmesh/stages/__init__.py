"""The stages of the paper, one module each.

reference.py          Stage 0: the reference shape, from a picture or from the artist's mesh
pending_reference.py  cleaning up that mesh while Stage I runs
motion.py             Stage I: a synchronised latent for every frame
correspondence.py     Stage II: where the reference vertices are at any time
match.py              bringing the animation onto its clip
branches.py           both branches of guidance from one denoiser
run.py                what every stage works with: facts, networks, runtime, progress
retry.py              repeating a stage that ran out of memory, with less
pictures.py           the frames as image tokens
"""
