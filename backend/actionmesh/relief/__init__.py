"""Stage 0 without a network: the anchor frame's mask, inflated, and textured from that frame.

contours.py       the mask's outline, smooth to a fraction of a pixel
spacing.py        how far apart points are: close where a part is thin, within a number of faces
triangulation.py  triangles of the mask's inside that follow the outline
trimming.py       what makes these triangles one half of a closed surface
flat.py           a flat surface of triangles, and its edges
inflation.py      how thick the shape is over each point
texture.py        the frame's colours, continued beyond the outline
limbs.py          which frame to choose
shape.py          both halves as one closed mesh, its camera, its texture: `relief_from_crop`
"""
