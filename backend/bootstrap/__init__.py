"""The steps of `build.py` before other project code can run: find Pythons, check the machine, make environments.

Uses only the standard library and parses in Python 3.8, so that an old Python can still say which version is needed.
"""
