"""Where a score would stand on a leaderboard of which a few lines are known."""

from __future__ import annotations

import math
from collections.abc import Mapping


def standing(score: float, places: Mapping[str, float], higher_is_better: bool) -> str:
    """A score among named lines (gold, silver, median, ...): "between silver and bronze" has reached bronze alone."""
    if math.isnan(score) or not places:
        return ""
    sign = 1 if higher_is_better else -1
    ordered = sorted(places, key=lambda name: -sign * places[name])  # best first; equal lines stay as they were given
    reached = [name for name in ordered if sign * score >= sign * places[name]]
    ahead = [name for name in ordered if name not in reached]
    if not reached:
        return f"below {ahead[-1]}"
    if not ahead:
        return f"at {reached[0]}" if score == places[reached[0]] else f"above {reached[0]}"
    return f"between {ahead[-1]} and {reached[0]}"
