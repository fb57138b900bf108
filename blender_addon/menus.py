"""What an artist can choose from: the items of menus, as `EnumProperty` takes them. Files keep the numbers where there are any."""

SOURCES = (
    ("VIDEO", "Video", "A video file", "FILE_MOVIE", 0),
    (
        "IMAGES",
        "Image Sequence",
        "A folder of numbered pictures, best with a transparent background",
        "RENDERLAYERS",
        1,
    ),
    ("OBJECT", "Animated Object", "Its animation is rendered, and the pictures drive the result", "OBJECT_DATA", 2),
)
PRESETS = (
    ("demo", "Demo", "Seconds. The motion is rough, enough to see whether the clip works"),
    ("fast", "Fast", "About a third of Quality's computation: the same motion, a little less exact"),
    ("balanced", "Balanced", "Less than half of Quality's computation, and hardly a difference"),
    ("quality", "Quality", "The published sampling, and the longest wait"),
)
MEMORY = (
    (
        "auto",
        "Auto",
        "As much as fits into the memory that is free. When it runs out nevertheless, the job goes on with less",
    ),
    ("24", "24 GB", "All networks stay on the card. The fastest"),
    ("12", "12 GB", "One network at a time is on the card, the others wait in main memory. The result is the same"),
    ("8", "8 GB", "As 12 GB, and the large layers take their input in parts. The result is the same, it takes longer"),
    ("6", "6 GB", "As 8 GB, in smaller parts, and nothing is kept that can be computed again. The slowest"),
)
FACINGS = (
    ("NEG_Y", "-Y (Front)", "Z is up and the subject looks along -Y, as in front view", "NONE", 0),
    ("POS_Y", "Y", "Z is up and the subject looks along Y", "NONE", 1),
    ("POS_X", "X", "Z is up and the subject looks along X", "NONE", 2),
    ("NEG_X", "-X", "Z is up and the subject looks along -X", "NONE", 3),
    ("POS_Z", "Z (Y is Up)", "Y is up and the subject looks along Z, as in glTF and many FBX files", "NONE", 4),
    ("NEG_Z", "-Z (Y is Up)", "Y is up and the subject looks along -Z", "NONE", 5),
)
SEEN_FACINGS = (
    ("AUTO", "Automatic", "The side that the camera sees is found in the reference frame. Z is up", "NONE", 6),
    *FACINGS,
)
MATCHES = (
    (
        "auto",
        "Automatic",
        "Bend the model's motion where it explains the clip, else take whichever way explains it better. A mesh that does not "
        "stand as the reference frame shows it keeps the model's motion. The usual choice",
    ),
    ("off", "Off", "The model's motion stays as it is"),
    (
        "refine",
        "From the Motion",
        "The model's motion is bent until it lies on the clip. Best where it is roughly right already",
    ),
    (
        "track",
        "From the Mesh",
        "Your mesh is followed through the clip, whatever the model made of it. Best for subjects that the model does not know",
    ),
)
SHAPES = (
    ("auto", "Automatic", "The better of the two for these weights"),
    ("network", "Network", "The model makes the shape, its back and its hidden parts too"),
    ("relief", "Relief", "The subject's outline in the reference frame, inflated like a balloon. Good from the front"),
)
STARTS = (
    ("CURRENT", "Current Frame", "The clip's first frame falls on the current frame"),
    ("FIRST", "Frame 1", "The clip's first frame falls on frame 1"),
)
MODES = (
    ("RELATIVE", "Relative", "One weight curve a key. Exports to every format and mixes with your own shape keys"),
    ("ABSOLUTE", "Absolute", "One curve for the whole animation, tidier to retime. Export turns it into relative keys"),
)
REFERENCE_POSES = (
    (
        "corrected",
        "Corrected",
        "At the reference frame your mesh is exactly as you modelled it, and what the model gets wrong there is taken off "
        "every other pose too. The usual choice",
    ),
    (
        "published",
        "Published",
        "At the reference frame your mesh is exactly as you modelled it, the other poses are as the model makes them. "
        "It may jump a little beside that frame",
    ),
    (
        "decoded",
        "Decoded",
        "Every pose is as the model makes it, at the reference frame too. The clip wins: your mesh may differ a little everywhere",
    ),
)
LOOPS = (
    ("NONE", "Once", "The last pose stays"),
    ("LOOP", "Loop", "Starts again from the first pose, again and again"),
    ("PING_PONG", "Ping-Pong", "Plays forwards and backwards, again and again"),
)
