// SPDX-License-Identifier: GPL-3.0-or-later
//
// Flamenco job type: animate every mesh with every clip, one task for each pair. docs/batch.md says how to install it.
// Flamenco's Manager cannot list folders, so its Blender add-on does, when the job is submitted.

const CLIP_ENDINGS = "'.mp4 .mov .m4v .mkv .webm .avi .mpg .mpeg .mxf .gif'.split()";
const MESH_ENDINGS = "'.glb .gltf .obj .ply .stl'.split()";

// Python that lists the files of a folder with some endings, one per line, in the order of their names.
function listing(setting, endings) {
    return `'\\n'.join(sorted(str(p) for p in (Path(abspath(settings.${setting})).iterdir() if settings.${setting} else ())`
        + ` if p.suffix.lower() in ${endings} and not p.name.startswith('.')))`;
}

const JOB_TYPE = {
    label: "ActionMesh",
    description: "Animate every mesh of a folder with every clip of another, one task for each pair",
    settings: [
        { key: "clips_folder", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder of videos on the shared storage" },
        { key: "meshes_folder", type: "string", subtype: "dir_path", required: false, visible: "submission",
          description: "Folder of mesh files on the shared storage. Leave empty to make a mesh from each clip" },
        { key: "output", type: "string", subtype: "dir_path", required: true,
          description: "Folder on the shared storage for the results" },
        { key: "format", type: "string", choices: ["glb", "safetensors", "mp4", "png"], default: "glb",
          description: "What the results are written as" },
        { key: "preset", type: "string", choices: ["demo", "fast", "balanced", "quality"], default: "quality",
          description: "Amount of work" },
        { key: "seed", type: "int32", default: 0, propargs: {min: 0},
          description: "The same seed gives the same result" },
        { key: "options", type: "string", required: false, default: "",
          description: "More options of 'actionmesh animate', separated by spaces, such as --spread 32 --match track" },

        // Listed when the job is submitted:
        { key: "clips", type: "string", eval: listing("clips_folder", CLIP_ENDINGS), visible: "web",
          description: "The clips, one per line" },
        { key: "meshes", type: "string", eval: listing("meshes_folder", MESH_ENDINGS), visible: "web",
          description: "The meshes, one per line" },
    ]
};

function compileJob(job) {
    const settings = job.settings;
    const clips = lines(settings.clips);
    const meshes = lines(settings.meshes);
    if (!clips.length) {
        throw `There are no clips in ${settings.clips_folder}.`;
    }
    if (settings.meshes_folder && !meshes.length) {
        throw `There are no meshes in ${settings.meshes_folder}.`;
    }
    const taken = new Set();
    for (const clip of clips) {
        for (const mesh of meshes.length ? meshes : [""]) {
            const stem = freeName(mesh ? `${path.stem(clip)}_${path.stem(mesh)}` : path.stem(clip), taken);
            job.addTask(animateTask(settings, clip, mesh, stem));
        }
    }
}

function animateTask(settings, clip, mesh, stem) {
    const task = author.Task(stem, "actionmesh");
    const ownMesh = mesh ? ["--mesh", mesh] : [];
    task.addCommand(author.Command("exec", {
        exe: "{actionmesh}",
        args: [
            "animate", clip, ...ownMesh,
            "--out", path.join(settings.output, `${stem}.${settings.format}`),
            "--preset", settings.preset,
            "--seed", `${settings.seed}`,
            ...words(settings.options),
        ],
    }));
    return task;
}

// A second result of the same name gets a number, on file systems that ignore case too.
function freeName(stem, taken) {
    let name = stem;
    for (let number = 2; taken.has(name.toLowerCase()); number++) {
        name = `${stem}_${number}`;
    }
    taken.add(name.toLowerCase());
    return name;
}

function lines(text) {
    return (text || "").split("\n").filter(line => line);
}

function words(text) {
    return (text || "").split(/\s+/).filter(word => word);
}
