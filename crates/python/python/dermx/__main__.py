"""`python -m dermx ...` is the command `dermx ...` of this environment."""

import os
import sys

from . import _find_or_raise
from ._native import DermxError


def main() -> int:
    try:
        command = _find_or_raise()
    except DermxError as error:
        # As the command ends where what it needs is missing.
        print(f"error: {error}", file=sys.stderr)
        return 66
    args = [command, *sys.argv[1:]]
    if os.name != "nt":
        # Signals reach the command, and its exit code is this one's.
        os.execv(command, args)
    import subprocess

    return subprocess.call(args)


if __name__ == "__main__":
    sys.exit(main())
