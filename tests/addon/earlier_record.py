"""`job.json` exactly as the add-on wrote it with protocol 2, except for the values that a test replaces."""

import json

TEXT = """{
 "request": {
  "clip": "/clips/wave",
  "out": [
   "result.safetensors"
  ],
  "mask": null,
  "mesh": "target.ply",
  "known": [],
  "frames": {
   "start": 0,
   "count": null,
   "step": 1,
   "spread": 16
  },
  "anchor": 0,
  "preset": "demo",
  "seed": 7,
  "in_betweens": 0,
  "steps": null,
  "guidance": null,
  "keep_reference_pose": true,
  "fps": null,
  "memory": "auto",
  "checkpoint": null,
  "device": "auto"
 },
 "title": "wave to Cube",
 "purpose": "keys",
 "blend_file": "a82de77f-d520-468c-b08b-f53facc473a8",
 "writing": {
  "scene": "Scene",
  "start": 1.0,
  "mode": "RELATIVE",
  "name": "wave",
  "size": 2.0,
  "location": [
   0.0,
   0.0,
   0.0
  ],
  "smooth": true,
  "facing": "NEG_Y",
  "keep_reference_pose": true,
  "target": {
   "name": "Cube",
   "blender": "18ff42f39d6e44e4835aa21ac7bc0c66",
   "session": 251,
   "vertices": 8,
   "basis": "a39bfdf0883eda8e655ee5efb13a50ec"
  }
 },
 "created": 1795903448.5641758,
 "state": "written",
 "error": null,
 "timings": {
  "Reading frames": 1.0,
  "Total": 13.0
 },
 "result": {
  "poses": 5,
  "vertices": 7,
  "faces": 9,
  "duration": 0.4,
  "reference_frame": 0,
  "loads": 1,
  "plan": "",
  "retried_for_memory": false
 }
}"""


def written(root, request=None, writing=None, **facts):
    """Write a job folder with this record below `root`; `request`, `writing` and `facts` replace values in it."""
    plain = json.loads(TEXT)
    plain["request"] |= request or {}
    plain["writing"] |= writing or {}
    folder = root / "20261128T220408Z-38537d"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(plain | facts, indent=1))
    return folder
