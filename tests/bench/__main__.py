"""`make bench [ONLY=NAME]`: runs tests/bench/bench_*.py and prints one line per result; exit 1 when one is short."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in names if not only or name == f"bench_{only}"]
    if not chosen:
        print(f"expected one of {', '.join(name[6:] for name in names)}, got {only}", file=sys.stderr)
        return 2
    short = 0
    for name in chosen:
        for result in importlib.import_module(f"tests.bench.{name}").results():
            print(result, flush=True)
            short += not result.ok
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
