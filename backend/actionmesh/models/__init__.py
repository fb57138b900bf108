"""The networks. One axis legend for all of them:

B samples, T frames, N latent tokens a frame, S image tokens, D channels, H heads, V vertices, P surface points, Q queries.
"""
