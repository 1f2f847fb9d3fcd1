"""What a ledger holds: runs with their scores, and submissions with theirs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run as it was recorded; dates are ISO texts, given by the caller."""

    competition: str
    run: str
    metric: str
    higher_is_better: bool
    score: float | None  # pooled OOF
    score_se: float | None = None
    baseline: float | None = None
    seed_sd: float | None = None  # spread over seeds
    fold_scores: tuple[float | None, ...] = ()
    folds: str = ""  # fingerprint of the fold file
    commit: str = ""  # of git
    note: str = ""
    date: str = ""
    toy: bool = False
    limit: int = 0  # rows kept in a quick pass, 0: all


@dataclass(frozen=True, kw_only=True)
class SubmissionRow:
    """One submission; what Kaggle has not said yet is "" or None."""

    competition: str
    run: str = ""  # "": made elsewhere
    file: str = ""
    digest: str = ""  # SHA-256 of the file; "" where only Kaggle has it
    message: str = ""
    ref: str = ""  # Kaggle's number; "" until it has answered
    status: str = ""  # pending, complete, error, as Kaggle says
    date: str = ""
    public: float | None = None
    private: float | None = None


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """One team's line of a leaderboard."""

    place: int  # 1: first
    team: str
    score: float
    date: str = ""


@dataclass(frozen=True)
class LedgerRow:
    """A run and one of its submissions; either may be missing, never both."""

    run: RunRow | None
    submission: SubmissionRow | None
