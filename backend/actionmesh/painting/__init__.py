"""Colours for meshes that have none, from the frames that show them.

coat.py           the result: UVs and one picture
spreading.py      colours beyond where they are known
atlas.py          UVs for any mesh
charts.py         the charts of new UVs, by xatlas
sightings.py      how well a frame shows each vertex
views.py          which frames are used where
neighbourhood.py  neighbours, for soft borders and to fill pixels that no frame shows
painting.py       all steps in order: `painted_by_clip`
"""
