"""Finding the subject of an ordinary clip, with or without the artist's points, and without any download if need be.

`choice` says in which order the ways are tried. `following` needs only the clip: optical flow carries a mask from
frame to frame, and a graph cut refines it. `tracking` runs SAM 2.1, if it was downloaded. All of them hold one frame at
a time.
"""
