"""A folder of animated files becomes a data set of tracked sequences: the loop over the files, and its records on disk.

`dataset.py`, next to this folder, is the command line; `scene.survey` and `scene.tracked_file` read one file.
"""
