"""The command line: finds the verb, runs it, turns errors into one clear message and an exit code."""

from __future__ import annotations

import codecs
import gc
import importlib
import io
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from competitions.registry import package_names, unknown
from pipelines.stops import BusyError, LeakError, UsageError

VERBS = {  # verb -> (module, what it does)
    "run": ("competitions.verbs", "raw files -> folds -> training -> OOF score -> checked submission"),
    "folds": ("competitions.verbs", "make or show a competition's folds; --audit looks for leaks"),
    "train": ("competitions.verbs", "fit the folds and score them, no submission"),
    "predict": ("competitions.combining", "RUN [RUN ...]: predict the test rows; several runs are averaged"),
    "blend": ("competitions.combining", "NAME RUN RUN ...: weigh runs on their OOF predictions"),
    "select": ("competitions.selecting", "NAME --backbones A,B,C: which frozen backbones to lay side by side, by OOF"),
    "explain": ("competitions.explaining", "RUN: pictures of its curves, its errors and what its models look at"),
    "find-rate": ("competitions.explaining", "NAME: a short training that suggests a learning rate"),
    "check": ("competitions.judging", "FILE --competition NAME: judge any submission"),
    "check-competition": ("competitions.judging", "the contract's checks on a competition, on toy files"),
    "data": ("competitions.fetching", "NAME: download its files from Kaggle, check their sizes, unpack what is needed"),
    "submit": ("competitions.submitting", "RUN|FILE -m TEXT: check, upload once, wait for the score"),
    "sync": ("competitions.boards", "NAME: past submissions, scores and the leaderboard into the ledger"),
    "board": ("competitions.boards", "NAME: every run's CV beside its leaderboard scores, as a table and a plot"),
    "kernel": ("competitions.kernels", "build|rehearse|push|status|pull|submit RUN: a Kaggle notebook of a run"),
    "runs": ("competitions.overview", "NAME: its runs; --diff A B shows which settings differ"),
    "clean": ("competitions.overview", "NAME: drop unfinished runs and all but the best --keep N"),
    "new": ("competitions.scaffold", "NAME: start a competition of your own"),
    "demo": ("competitions.demo", "every competition on its toy files"),
}
EXITS = """\
exit codes: 0 done · 1 refused or failed (bad input, a submission that does not pass) · 2 not understood
            3 stopped by --strict · 75 another process holds the run · 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminate)
    # A letter that a terminal lacks must not cost the result of a run.
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        sys.stdout.reconfigure(errors="backslashreplace")
    gc.set_threshold(10_000, 10, 10)  # imports make very many objects, and none of them is garbage
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()  # here, where a reader that has gone is noticed
        return code
    except UsageError as error:
        return _fail(error, 2)
    except LeakError as error:
        return _fail(error, 3)
    except BusyError as error:
        return _fail(error, 75)
    except BrokenPipeError:  # as of `podium runs NAME | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MemoryError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print(
            f"\nstopped; what is finished is kept, the same command continues: podium {shlex.join(arguments)}",
            file=sys.stderr,
        )
        return 130


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        from competitions.overview import overview

        return overview()
    verb, *rest = arguments
    if verb in ("-h", "--help", "help"):
        print(usage())
        return 0
    if verb not in VERBS:
        raise UsageError(unknown(verb, [*VERBS], "verb"))
    module = importlib.import_module(VERBS[verb][0])
    result: int = getattr(module, verb.replace("-", "_"))(rest)
    return result


def usage() -> str:
    """The text of `podium --help`; imports no competition."""
    verbs = "\n".join(f"  podium {verb:<18} {what}" for verb, (_, what) in VERBS.items())
    return (
        "podium: from a competition's raw files to a cross-validated, checked submission\n\n"
        f"  podium                    competitions: data, runs, best score\n{verbs}\n\n"
        f"competitions: {', '.join(package_names()) or 'none'}\n"
        f"`podium run NAME --help` lists every flag of a competition.\n{EXITS}"
    )


def _fail(error: Exception, code: int) -> int:
    text = str(error)
    if isinstance(error, MemoryError):
        text = f"out of memory: {error}; try --limit or smaller settings"
    elif isinstance(error, OSError) and error.filename is not None:  # the system's own words name no way out
        text = f"{error.filename}: expected to read or write it, got '{error.strerror}'; check the path and its rights"
    elif isinstance(error, OSError) and error.strerror:  # without the error's number, which tells a person nothing
        text = error.strerror
    print(f"podium: {text or type(error).__name__}", file=sys.stderr)
    return code


def _terminate(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
