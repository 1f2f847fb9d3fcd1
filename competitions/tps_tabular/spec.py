"""The Tabular Playground Series, month by month: a file under months/ is a month, and that is all there is to it."""

from __future__ import annotations

import importlib
import pkgutil

from competitions.tps_tabular import months
from competitions.tps_tabular.month import FAMILY
from pipelines.contract import Competition

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def declared() -> tuple[Competition, ...]:
    """The months in the order of the calendar."""
    names = [found.name for found in pkgutil.iter_modules(months.__path__)]
    names.sort(key=lambda name: (name[4:], MONTHS.index(name[:3])))
    return tuple(importlib.import_module(f"{months.__name__}.{name}").competition for name in names)


competitions = declared()
featured = tuple(f"{FAMILY}/{name}" for name in ("jul-2021", "dec-2021", "jan-2022", "may-2022", "aug-2022"))
unsupported = {
    f"{FAMILY}/jun-2022": "it asks for the missing cells of one table (row-col,value), not for a value per row",
    f"{FAMILY}/jul-2022": "it asks for clusters of unlabelled rows; there is no target to learn or to validate on",
    f"{FAMILY}/oct-2022": "its ten train files are moments of matches with two targets and 20 million rows; "
    "a learner of tables held in memory does not fit it",
    f"{FAMILY}/nov-2022": "its inputs are 5,000 submission files to be blended, not columns of a table",
}
