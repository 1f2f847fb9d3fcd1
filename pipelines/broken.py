"""Image files that cannot be read: all named at once, before training starts."""

from __future__ import annotations

from pipelines.run import Run
from pipelines.runfolder import changing, read_json


def check_files(run: Run, predict: bool) -> None:
    """Refuse a run whose learner cannot read a row's file, naming all such files; what it keeps is made on the way."""
    learner = run.competition.learner
    if not hasattr(learner, "unreadable"):
        return
    if hasattr(learner, "require_weights") and _starts(run):
        learner.require_weights()  # decoding may take long, and is in vain without them
    test = run.tables.test.drop(index=run.tables.skipped.test)
    path, seen = run.options.runs_root / run.competition.name / "readable.json", run.tables.test_fingerprint
    known = read_json(path) if path.exists() else {}
    fresh = predict and seen not in known
    train = run.joined(run.rows)
    reasons = learner.unreadable(train, test if fresh else test.iloc[:0], run.report)
    if reasons:
        from features.decode import BrokenImages  # with it come OpenCV and PIL

        raise BrokenImages(reasons)
    if hasattr(learner, "embed"):
        learner.embed(train, test if predict else test.iloc[:0], run.report)
    if fresh:
        with changing(path) as known:
            known[seen] = len(test)


def _starts(run: Run) -> bool:
    """Whether a fit of this command is to begin, which needs the weights that networks start from."""
    places: list[int | str] = [*run.chosen, *([] if run.options.full == "no" else ["full"])]
    return not all(out.whole or out.begun for place in places for out in run.fits(place))
