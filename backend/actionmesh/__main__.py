"""`python -P -m actionmesh`, and the program `actionmesh`: the command line.

Without -P Python itself imports what lies in the folder where it is started, before a line of this is run; what is still to
be imported then no longer comes from there.
"""

import os
import sys

if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    if not os.path.realpath(__file__).startswith(os.path.join(os.path.realpath(sys.path[0]), "")):
        del sys.path[0]

import signal  # noqa: E402


def main() -> None:
    """Run one command and end with its exit code. Ctrl-C is one sentence at any time, also while Python still imports."""
    from .ending import leave

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    from .cli import main as command_line

    sys.exit(command_line())


if __name__ == "__main__":
    main()
