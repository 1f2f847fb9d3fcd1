"""`make bench [ONLY=NAME]`: runs tests/bench/bench_*.py and prints one line per result; exit 1 when one is short."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    if not only:  # each in a process of its own: a child's peak memory starts at what its parent once took
        codes = [subprocess.run([sys.executable, "-m", "tests.bench", name]).returncode for name in names]
        return int(any(codes))
    if only not in names:
        print(f"expected one of {', '.join(names)}, got {only}", file=sys.stderr)
        return 2
    short = 0
    for result in importlib.import_module(f"tests.bench.bench_{only}").results():
        print(result, flush=True)
        short += not result.ok
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
