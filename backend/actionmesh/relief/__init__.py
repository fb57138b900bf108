"""Stage 0 without a network: the anchor frame's mask, inflated, and textured from that frame.

    contours        the mask's outline, smooth to a fraction of a pixel
    spacing         how far apart points are to be: close where a part is thin, within a number of faces
    triangulation   triangles of the mask's inside that follow the outline; trimming, flat: their edges
    inflation       how thick the shape is over each point
    texture         the frame's colours, carried on beyond the outline
    limbs           which frame to choose
    shape           both halves as one closed mesh, its camera, its texture: `relief_from_crop`
"""
