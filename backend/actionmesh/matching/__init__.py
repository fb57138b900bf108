"""Match: bringing an animation, or a still mesh, onto its clip by classical means, on one core, in seconds.

camera.py      the clip's camera: seven numbers
film.py        the clip, small and cropped, with the subject's outline
silhouette.py  what the camera sees of a mesh
creases.py     whether a picture's edges lie where a mesh has creases
search.py      which camera explains a frame
graph.py       nodes on the surface that carry it along
flow.py        where a frame shows what the mesh should show
solve.py       one Gauss-Newton step of a frame's nodes
refine.py      from the network's poses to the clip
track.py       from the still mesh to the clip
standing.py    which side of a mesh the camera sees, and whether it stands as the frame shows it
choice.py      how well motion explains the clip, and which way to match it follows
"""
