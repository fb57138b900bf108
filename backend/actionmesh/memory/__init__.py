"""How a checkpoint's networks fit a device: what is loaded when, and where it stays.

plan.py       memory plans, and how much memory is free
needs.py      how much memory a checkpoint needs under a plan
runtime.py    the device, the type of the weights, and the plan in use
streaming.py  from a file onto a device, piece by piece
loading.py    a network with its weights, from its file
ahead.py      loading in a thread while earlier stages compute
residence.py  which networks are on the device, and which wait in main memory
networks.py   the networks of a checkpoint, by name
model.py      an opened checkpoint: its facts, its networks and their runtime
"""
