"""The items of menus, in the form that `EnumProperty` takes. Where items have numbers, .blend files store them."""

from .process.backend_locator import protocol, public

PresetName, Memory, Match, Shape = protocol.PresetName, protocol.Memory, protocol.Match, protocol.Shape

SOURCES = (
    ("VIDEO", "Video", "A video file", "FILE_MOVIE", 0),
    (
        "IMAGES",
        "Image Sequence",
        "A folder of numbered pictures, preferably with a transparent background",
        "RENDERLAYERS",
        1,
    ),
    ("OBJECT", "Animated Object", "Render an object's animation and use the pictures as the clip", "OBJECT_DATA", 2),
    ("TEXT", "Text", "Say what happens; a video model makes the clip", "TEXT", 3),
)
PICKS = (
    ("POINT", "Subject", "A point of the subject", "NONE", 0),
    ("NOT_POINT", "Not the Subject", "A point that is not the subject", "NONE", 1),
    ("BOX", "Box", "A box that holds the whole subject", "NONE", 2),
)
AUTO_VIDEO = "AUTO"
VIDEO_MODELS = (
    (AUTO_VIDEO, "Auto", "The best of the downloaded models that suits"),
    *((key, public.SETS[key].title, public.SETS[key].enables.capitalize()) for key in public.VIDEO_SETS),
)
PRESETS = (
    (PresetName.DEMO, "Demo", "Takes seconds. The motion is rough but shows whether the clip works"),
    (PresetName.FAST, "Fast", "About a third of the computation of Quality. The same motion, slightly less accurate"),
    (PresetName.BALANCED, "Balanced", "Less than half the computation of Quality, with hardly any difference"),
    (PresetName.QUALITY, "Quality", "The sampling of the published method. Takes longest"),
)
MEMORY = (
    (Memory.AUTO, "Auto", "Use the memory that is free. If memory runs out, the job retries with a smaller plan"),
    (Memory.GB_24, "24 GB", "All networks stay on the graphics card. Fastest"),
    (
        Memory.GB_12,
        "12 GB",
        "One network at a time is on the graphics card, the others wait in main memory. Same result",
    ),
    (Memory.GB_8, "8 GB", "Like 12 GB, but large layers process their input in parts. Same result, slower"),
    (Memory.GB_6, "6 GB", "Like 8 GB, but in smaller parts, and intermediate results are recomputed. Slowest"),
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
    ("AUTO", "Automatic", "Detect the side that the camera sees in the reference frame. Z is up", "NONE", 6),
    *FACINGS,
)
MATCHES = (
    (
        Match.AUTO,
        "Automatic",
        "Use whichever method fits the clip better. A mesh whose pose differs from the reference frame keeps the "
        "model's motion. The usual choice",
    ),
    (Match.OFF, "Off", "Keep the model's motion as it is"),
    (
        Match.REFINE,
        "From the Motion",
        "Bend the model's motion until it fits the clip. Best if the motion is already roughly right",
    ),
    (
        Match.TRACK,
        "From the Mesh",
        "Follow your mesh through the clip and ignore the model's motion. Best for subjects unfamiliar to the model",
    ),
)
SHAPES = (
    (Shape.AUTO, "Automatic", "Use whichever works better with the chosen weights"),
    (Shape.NETWORK, "Network", "The model generates the whole shape, including its back and hidden parts"),
    (
        Shape.RELIEF,
        "Relief",
        "Inflate the subject's outline in the reference frame like a balloon. Good from the front",
    ),
)
STARTS = (
    ("CURRENT", "Current Frame", "The animation starts at the current frame"),
    ("FIRST", "Frame 1", "The animation starts at frame 1"),
)
MODES = (
    ("RELATIVE", "Relative", "One weight curve per key. Exports to every format and mixes with your own shape keys"),
    ("ABSOLUTE", "Absolute", "One curve for the whole animation, easier to retime. Export makes it relative"),
)
REFERENCE_POSES = (
    (
        protocol.ReferencePose.CORRECTED,
        "Corrected",
        "At the reference frame your mesh is exactly as you modelled it. The model's error at that frame is subtracted "
        "from every other pose. The usual choice",
    ),
    (
        protocol.ReferencePose.PUBLISHED,
        "Published",
        "At the reference frame your mesh is exactly as you modelled it. The other poses are as the model makes them. "
        "The mesh may jump slightly next to that frame",
    ),
    (
        protocol.ReferencePose.DECODED,
        "Decoded",
        "Every pose is as the model makes it, even at the reference frame. It follows the clip most closely, but your "
        "mesh may change slightly everywhere",
    ),
)
LOOPS = (
    ("NONE", "Once", "Hold the last pose"),
    ("LOOP", "Loop", "Repeat from the first pose"),
    ("PING_PONG", "Ping-Pong", "Play forwards and backwards, repeatedly"),
)
SMOOTHINGS = (
    ("EXTREMES", "Keep Extremes", "Follow a cubic curve through the neighbours: the farthest poses stay as far"),
    ("SOFT", "Soft", "Follow a line through the neighbours: calmer, but fast motion becomes smaller"),
)
ROOT_TURNS = (
    ("NONE", "None", "Only the location; all rotation stays in the shape keys"),
    ("UP", "Around Up", "Rotation around the world's Z, as game engines expect it"),
    ("FULL", "Full", "All rotation and all moves, as of a thrown or tumbling object"),
)
