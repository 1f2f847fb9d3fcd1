"""What the leak audit found: findings that print, travel as JSON and say whether to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

FEW = 3  # ids that a finding keeps


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence of the audit, and the numbers behind it."""

    kind: str  # sides, groups, times, ids, copies, test copies, answer, order, shift, twins and what they span
    serious: bool  # whether the folds' score can't be trusted until it is mended
    text: str
    ids: tuple[str, ...] = ()  # the first few rows concerned
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """All findings on one pair of tables and its folds."""

    findings: tuple[Finding, ...]

    @property
    def serious(self) -> bool:
        """Whether any finding is serious."""
        return any(finding.serious for finding in self.findings)

    def joined(self, other: Self) -> Self:
        """The findings of both."""
        return type(self)((*self.findings, *other.findings))

    def text(self) -> str:
        """One line per finding, the serious ones first."""
        ordered = sorted(self.findings, key=lambda finding: not finding.serious)
        lines = [f"{'SERIOUS' if finding.serious else 'note'}: {finding.text}" for finding in ordered]
        return "\n".join(lines if self.serious else [*lines, "no serious leak found"])

    def to_json(self) -> dict[str, Any]:
        """The audit as JSON knows it; from_json reads it back."""
        return {"findings": [asdict(finding) | {"ids": list(finding.ids)} for finding in self.findings]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The audit that to_json wrote; raises ValueError for anything else."""
        try:
            return cls(tuple(Finding(**{**stored, "ids": tuple(stored["ids"])}) for stored in content["findings"]))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"expected an audit as Audit.to_json writes it, got {error!r} in {str(content)[:80]}; "
                "delete the stored audit to have it made anew"
            ) from error
