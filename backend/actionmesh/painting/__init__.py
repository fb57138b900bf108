"""Colours for meshes that have none, from the frames that show them.

    coat            what comes of it: UVs and one picture
    spreading       colours beyond where they are known
    atlas           UVs for any mesh
    sightings       how well each frame shows each vertex
    painting        the story: `painted_by_clip`
"""
