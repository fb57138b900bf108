"""What `build.py` does before other code of the project can run: find Pythons, check the machine, make environments.

Standard library only, and readable by Python 3.8, so that an old Python gets as far as saying which one is needed.
"""
