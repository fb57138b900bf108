"""Code that reads or writes Blender data: meshes, shape keys, curves, objects, renders. No operators, no panels."""
