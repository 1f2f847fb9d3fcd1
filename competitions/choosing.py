"""Which learner a command's flags are about, where a competition has learners of several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from competitions.flags import flag_fields, flags_in
from pipelines.contract import Competition
from pipelines.options import Options
from pipelines.stops import UsageError


def experiment_with(competition: Competition, arguments: Sequence[str], learner: Any, toy: bool) -> str:
    """The experiment that flags mean which the learner itself lacks; empty where it has them, or no experiment does."""
    given = {*flags_in(arguments)} - {"help"} - {*flag_fields(Options)}
    strange = given - {*flag_fields(learner)}
    if not strange:
        return ""
    known = {name: {*flag_fields(each)} for name, each in competition.experiments.items()}
    fitting = [name for name, fields in known.items() if given <= fields]
    if fitting:
        return min(fitting, key=lambda name: name.startswith("toy") != toy)
    partly = [name for name, fields in known.items() if strange & fields]
    if not partly:
        return ""  # unknown to all: the error about it follows
    theirs, ours = strange & known[partly[0]], given - known[partly[0]]
    raise UsageError(
        f"expected flags of one learner, got {_flags(theirs)} of the experiment {partly[0]} and {_flags(ours)}, "
        f"which it lacks; leave some out: podium run {competition.name} --experiment {partly[0]} --help lists its flags"
    )


def refuse_idle(learner: Any, arguments: Sequence[str]) -> None:
    """Refuse flags that would decide nothing beside the others."""
    idle = getattr(learner, "idle", {})
    for name in flags_in(arguments):
        if name in idle:
            raise UsageError(
                f"{_flags([name])}: expected a flag that decides something, got {idle[name]}; leave it out"
            )


def other_flags(competition: Competition, learner: Any) -> str:
    """For --help: the flags that pick an experiment whose learner is of another kind."""
    own, lines, shown = {*flag_fields(learner), *flag_fields(Options)}, [], set()
    for name, each in competition.experiments.items():
        extra = [field for field in flag_fields(each) if field not in own]
        if extra and type(each) not in shown:
            shown.add(type(each))
            lines.append(
                f"{_flags(extra)} pick the experiment {name}: podium run {competition.name} --experiment {name} --help"
            )
    return "\n".join(lines)


def _flags(names: Sequence[str] | set[str]) -> str:
    ordered = names if isinstance(names, list) else sorted(names)
    return ", ".join(f"--{name.replace('_', '-')}" for name in ordered)
