"""What this Blender is doing now: its runner of jobs, the state that panels show, and the identity of the open file.

Modules here keep state for as long as Blender runs. They touch its windows and settings. What is in a mesh belongs in
`scene`, and what turns settings into jobs belongs in `workflow`.
"""
