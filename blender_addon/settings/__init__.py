"""What an artist can set and Blender stores: the properties of scenes, objects and windows, and the preferences.

Definitions and tooltips belong here; what a setting does belongs in `workflow` or `session`.
"""
