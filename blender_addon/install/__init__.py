"""The backend's environment: checked for, downloaded, made, tested, repaired and removed. Nothing here knows Blender.

    session             the installer's process as Blender's timer sees it
    main -> workflow    the process itself, and its story
    workflow -> preflight, programs, packages, trial    one stage each
    sources, index      where packages come from: proxies, certificates, mirrors, a folder
    computer, cards, locks, places                what this computer is, and what fits it
    messages, report, diagnosis                   what is told, and how

It leaves out what an artist sees: see `installing` and `setup_box`.
"""
