"""What an artist can set and Blender stores: the properties of scenes, objects and windows, and the preferences.

Definitions and tooltips belong here, except those of baking, which its operators share (`workflow/bake_options.py`).
What a setting does belongs in `workflow` or `session`.
"""
