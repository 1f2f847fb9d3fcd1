"""`python -m competitions` is `podium`."""

import sys

from competitions.cli import main

if __name__ == "__main__":
    sys.exit(main())
