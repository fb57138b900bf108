"""The stages of the paper, one module each.

reference.py         Stage 0: the reference shape, from a picture or from the artist's mesh
motion.py            Stage I: a synchronised latent for every frame
correspondence.py    Stage II: where the reference vertices are at any time
pictures.py          what all of them look at: the frames as image tokens
"""
