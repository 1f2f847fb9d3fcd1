"""Where a score would stand: on a leaderboard that is known whole, or among a few known lines of it."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence

# Kaggle's rule for medals: how many teams get gold, silver and bronze at most, by the number of teams.
SMALL, MIDDLE, LARGE = 100, 250, 1000


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


def place_of(score: float, scores: Sequence[float], higher_is_better: bool) -> int:
    """The place that a score takes among the scores of all teams, shared with those of the same score."""
    losses = sorted(-each if higher_is_better else each for each in scores)
    return bisect.bisect_left(losses, -score if higher_is_better else score) + 1


def medal_lines(scores: Sequence[float], higher_is_better: bool) -> dict[str, float]:
    """The scores of the last team with gold, silver and bronze by Kaggle's rule, of the first and of the middle."""
    ordered = sorted(scores, reverse=higher_is_better)
    return {name: ordered[place - 1] for name, place in medal_places(len(ordered)).items()}


def medal_places(teams: int) -> dict[str, int]:
    """The last place of each medal, and the first and the middle one; a medal that nobody gets is left out."""
    tenth = teams // 10
    if teams < SMALL:
        last = {"gold": tenth, "silver": teams // 5, "bronze": teams * 2 // 5}
    elif teams < MIDDLE:
        last = {"gold": 10, "silver": teams // 5, "bronze": teams * 2 // 5}
    elif teams < LARGE:
        last = {"gold": 10 + teams // 500, "silver": 50, "bronze": 100}
    else:
        last = {"gold": 10 + teams // 500, "silver": teams // 20, "bronze": tenth}
    places = {"1st": 1, **last, "median": (teams + 1) // 2}
    return {name: place for name, place in places.items() if place}


def estimate(score: float | None, scores: Sequence[float], lines: Mapping[str, float], higher_is_better: bool) -> str:
    """Where a score would stand, in words: by all teams' scores where they are known, else by the lines."""
    if score is None or math.isnan(score):
        return ""
    if not scores:
        return standing(score, lines, higher_is_better)
    place, teams = place_of(score, scores, higher_is_better), len(scores)
    among = standing(score, medal_lines(scores, higher_is_better), higher_is_better)
    return f"place {min(place, teams):,} of {teams:,} (top {100 * min(place, teams) / teams:.1f} %), {among}"
