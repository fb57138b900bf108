"""The command line, as `python -P -m actionmesh` and as the program `actionmesh`.

Without -P, Python puts the current folder first in its search path, and may import files from it before this file runs.
The code below removes that entry, unless this package is in that folder, so that later imports do not come from there.
"""

import os
import sys

if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    if not os.path.realpath(__file__).startswith(os.path.join(os.path.realpath(sys.path[0]), "")):
        del sys.path[0]

import signal  # noqa: E402


def main() -> None:
    """Run one command and exit with its code. Ctrl-C prints one sentence at any time, even during Python's imports."""
    from .ending import leave

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    from .cli import main as command_line

    sys.exit(command_line())


if __name__ == "__main__":
    main()
