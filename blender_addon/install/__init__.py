"""The installer that checks, downloads, makes, tests, repairs and removes the backend's environment, without Blender.

    installer_process   starts the installer's process and polls it from Blender's timer
    main -> steps       the process itself, and the steps that it runs
    steps -> preflight, programs, packages, trial    one stage each
    sources, index      where packages come from: proxies, certificates, mirrors, a folder
    computer, cards, locks, places                facts about this computer, and what fits it
    messages, report, diagnosis                   messages to Blender, the report, error sentences

The user interface is in `session.installation` and `panels.setup_box`.
"""
