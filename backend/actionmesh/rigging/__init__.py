"""Bones for a mesh that moves: skinning decomposition, a hierarchy with joints and names, and the rig as a file.

`making.make_rig` is the whole story. What writes a rig as glTF is in `output`.
"""
