"""Other processes, seen from Blender: where the backend is, its worker, the pipes to it, its log and its silence.

Nothing here knows Blender or what a job is.
"""
