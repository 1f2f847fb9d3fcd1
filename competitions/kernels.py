"""The verb of Kaggle's kernels: `podium kernel build|rehearse|push|status|pull|submit RUN`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from competitions.flags import parse
from competitions.kernel_requests import (
    BuildRequest,
    KernelRequest,
    PullRequest,
    RehearseRequest,
    SubmitKernelRequest,
    WatchRequest,
)
from competitions.kernel_runs import Opened, notebook_parcel, open_run
from competitions.registry import unknown
from competitions.submitting import send
from pipelines.budget import seconds_of
from pipelines.foldfile import check_numbers
from pipelines.kaggle.client import connect
from pipelines.kaggle.sending import Sending
from pipelines.kernels.bundle import Bundle, build
from pipelines.kernels.image import VERSIONS, find_machine, runs_like_image
from pipelines.kernels.order import Order, named
from pipelines.kernels.rehearse import rehearse
from pipelines.kernels.remote import Remote, Session
from pipelines.kernels.trip import Trip, describe
from pipelines.kernels.weights import settle_weights
from pipelines.loading import find_sample
from pipelines.reopen import find_run
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from pipelines.stops import UsageError
from submissions.ledger import LEDGER, Ledger
from submissions.sample import read_sample


def kernel(arguments: Sequence[str]) -> int:
    """Build a kernel of a run, rehearse it here, push it to Kaggle, see how it does, fetch what it left."""
    if arguments and arguments[0] in ("-h", "--help"):
        print("\n".join(f"podium kernel {action} RUN  {step.__doc__}" for action, step in ACTIONS.items()))
        print("podium kernel STEP --help lists a step's flags")
        return 0
    action, name, rest = _asked(arguments)
    return ACTIONS[action](name, rest)


def build_kernel(name: str, rest: Sequence[str]) -> int:
    """Write the folder that push sends."""
    (request,) = parse(rest, f"podium kernel build {name}", BuildRequest())
    opened = open_run(name, request)
    learners = [part.competition.learner for part in opened.parts]
    check_numbers(request.folds, opened.parts[0].record["folds"]["count"])
    order = named(
        Order(
            run=opened.folder,
            parts=opened.parts,
            machine=find_machine(request.accelerator),
            train=request.train,
            form="script" if request.script else "notebook",
            owner=request.owner,
            name=request.name,
            weights=settle_weights(learners, request.weights, request.train, request.internet),
            wheels=request.wheels,
            internet=request.internet,
            public=request.public,
            folds=request.folds,
            budget=request.budget if request.train else "",
            archives=any(opened.root.glob("*.7z")),
        )
    )
    bundle = build(order)
    print(
        f"{bundle.root}: {bundle.metadata['id']}, {order.machine.words}, internet {'on' if order.internet else 'off'}"
    )
    for part in bundle.datasets:
        files = sorted(part.iterdir())
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"  {part.name:<8}{len(files):>4} files {size:>9.1f} MB")
    packages = bundle.content["packages"]
    print(f"  packages that the image lacks: {', '.join(packages) or 'none'}")
    if any(name.endswith(".skops") for name in bundle.content["files"]) and not runs_like_image("scikit-learn"):
        theirs = VERSIONS["scikit-learn"]
        print(
            f"  note: another scikit-learn wrote these models than the image's {theirs}, which may refuse them: --train"
        )
    if order.machine.gpu and not any(hasattr(learner, "device") for learner in learners):
        print("  note: this run computes on the CPU; --accelerator none spares your GPU hours")
    return 0


def rehearse_kernel(name: str, rest: Sequence[str]) -> int:
    """Run the bundle as Kaggle would."""
    (request,) = parse(rest, f"podium kernel rehearse {name}", RehearseRequest())
    opened = open_run(name, request)
    bundle = _built(opened.folder, request)
    swapped = opened.competition.code and not request.train  # other kernels meet the visible rows, or would train anew
    rows = request.hidden if swapped or request.hidden >= 0 else 0
    with bundle.alone():
        done = rehearse(bundle, opened.competition, opened.root, opened.submission, rows, Report(request.quiet))
    print("\n".join([f"{bundle.root}: {'as it should be' if done.good else 'NOT as it should be'}", *done.lines()]))
    return 0 if done.good else 1


def push_kernel(name: str, rest: Sequence[str]) -> int:
    """Upload the datasets that changed and push the kernel, which runs it."""
    (request,) = parse(rest, f"podium kernel push {name}", WatchRequest())
    trip = _trip(name, request)
    with trip.bundle.alone():
        pushed = trip.push()
    print(f"{pushed.ref}: version {pushed.version} pushed, {pushed.url}")
    return _told(pushed.ref, trip.remote.wait(pushed.ref, seconds_of(request.wait, "--wait")))


def kernel_status(name: str, rest: Sequence[str]) -> int:
    """How the kernel's last session does; 1 when it failed."""
    (request,) = parse(rest, f"podium kernel status {name}", WatchRequest())
    trip = _trip(name, request)
    return _told(trip.ref, trip.remote.wait(trip.ref, seconds_of(request.wait, "--wait")))


def pull_kernel(name: str, rest: Sequence[str]) -> int:
    """Fetch what the kernel left, check its submission and put it beside the run."""
    (request,) = parse(rest, f"podium kernel pull {name}", PullRequest())
    opened = open_run(name, request)
    _pulled(opened, _trip(name, request), request.all)
    return 0


def submit_kernel(name: str, rest: Sequence[str]) -> int:
    """Check what the kernel left, submit its version to a code competition, wait for the score."""
    (request,) = parse(rest, f"podium kernel submit {name}", SubmitKernelRequest())
    opened = open_run(name, request)
    trip = _trip(name, request)
    parcel = notebook_parcel(opened, trip, request.message)
    _pulled(opened, trip, everything=False)
    report = Report(request.quiet)
    return send(Sending(trip.remote.kaggle, Ledger(request.runs / LEDGER), report), parcel, request)


def _pulled(opened: Opened, trip: Trip, everything: bool) -> None:
    competition, local = opened.competition, opened.submission
    sample = read_sample(find_sample(competition, opened.root, Report()))
    with trip.bundle.alone():
        kept = trip.pull(competition, sample, everything)
    same = local.is_file() and local.read_bytes() == kept.read_bytes()
    beside = "the same bytes as" if same else "other bytes than"
    print(f"{kept}: {len(sample):,} rows, checked" + (f"; {beside} {local.name}" if local.is_file() else ""))


ACTIONS: Mapping[str, Callable[[str, Sequence[str]], int]] = {
    "build": build_kernel,
    "rehearse": rehearse_kernel,
    "push": push_kernel,
    "status": kernel_status,
    "pull": pull_kernel,
    "submit": submit_kernel,
}


def _trip(name: str, request: KernelRequest) -> Trip:
    report = Report(request.quiet)
    bundle = _built(find_run(name, request.runs), request)
    return Trip(bundle, Remote(connect(say=report.line), report), report)


def _told(ref: str, session: Session) -> int:
    print(f"{ref}: {describe(session)}")
    return 1 if session.over and session.state != "complete" else 0


def _asked(arguments: Sequence[str]) -> tuple[str, str, list[str]]:
    usage = f"podium kernel {'|'.join(ACTIONS)} RUN [flags]"
    if not arguments or arguments[0].startswith("-"):
        raise UsageError(
            f"{usage}: expected what to do right after the verb, got {arguments[0] if arguments else 'nothing'}"
        )
    if arguments[0] not in ACTIONS:
        raise UsageError(f"{usage}: {unknown(arguments[0], [*ACTIONS], 'step')}")
    action, *rest = arguments
    if rest and rest[0] in ("-h", "--help"):
        return action, "RUN", ["--help"]
    if not rest or rest[0].startswith("-"):
        raise UsageError(
            f"{usage}: expected a run after {action}, got {rest[0] if rest else 'nothing'}; podium runs NAME"
        )
    return action, rest[0], rest[1:]


def _built(folder: RunFolder, request: KernelRequest) -> Bundle:
    root = folder.root / ("kernel-train" if request.train else "kernel")
    if not root.is_dir():
        flag = " --train" if request.train else ""
        raise ValueError(f"{root}: expected a built kernel, got none: podium kernel build {folder.name}{flag}")
    return Bundle(root)
