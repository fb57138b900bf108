"""The stages of the paper, one module each.

reference.py         Stage 0: the reference shape, from a picture or from the artist's mesh
pending_reference.py its mesh is cleaned up while Stage I runs
motion.py            Stage I: a synchronised latent for every frame
correspondence.py    Stage II: where the reference vertices are at any time
branches.py          both branches of guidance by one denoiser
retry.py             a stage that runs out of memory is done once more with less
pictures.py          what all of them look at: the frames as image tokens
"""
