"""A worker on another computer, reached through the system's ssh.

    this computer                                     the other computer
    relay      stands where the worker would:         attach   what ssh starts: joins the holder, or starts one
               sends a job's files, asks, fetches     holder   keeps the worker alive while the line is cut
    line       starts ssh, again if it was cut        worker   the same as on this computer
    parcel     the files of a job                     store    files by their SHA-256, and the folders of jobs

`channel` makes one stream of frames out of several lines: each frame arrives once and in order. `place` says where the
other computer is and how ssh is called, `ssh_words` what ssh's complaints mean. No port is opened on either side.

All of it needs the standard library only, because Blender's own Python runs `relay`. It does not cover weights, which
are the other computer's own.
"""
