"""The networks. They share one legend of axes:

B samples, T frames, N latent tokens per frame, S image tokens, D channels, H heads, V vertices, P surface points, Q
queries.
"""
