"""Colours for meshes that have none, from the frames that show them.

    coat            what comes of it: UVs and one picture
    spreading       colours beyond where they are known
    atlas           UVs for any mesh
    sightings       how well a frame shows each vertex
    views           which frames are used where
    neighbourhood   neighbours, for soft borders and to fill what no frame shows
    painting        the story: `painted_by_clip`
"""
