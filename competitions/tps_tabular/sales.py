"""What a day's sales of one product in one store may depend on; the two sales months share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from dateutil.easter import easter

from competitions.tps_tabular.month import times
from pipelines.contract import Table

SERIES = ("country", "store", "product")
WAVES = 3  # of a year
AFTERMATH = 9  # days; after a holiday people buy for about a week
# Public holidays of the countries that occur: fixed dates as MM-DD, and days after Easter Sunday.
FIXED = {
    "Belgium": "01-01 05-01 07-21 08-15 11-01 11-11 12-25",
    "Finland": "01-01 01-06 05-01 12-06 12-24 12-25 12-26",
    "France": "01-01 05-01 05-08 07-14 08-15 11-01 11-11 12-25",
    "Germany": "01-01 05-01 10-03 12-25 12-26",
    "Italy": "01-01 01-06 04-25 05-01 06-02 08-15 11-01 12-08 12-25 12-26",
    "Norway": "01-01 05-01 05-17 12-25 12-26",
    "Poland": "01-01 01-06 05-01 05-03 08-15 11-01 11-11 12-25 12-26",
    "Spain": "01-01 01-06 05-01 08-15 10-12 11-01 12-06 12-08 12-25",
    "Sweden": "01-01 01-06 05-01 06-06 12-25 12-26",
}
AFTER_EASTER = {
    "Belgium": (0, 1, 39, 49, 50),
    "Finland": (-2, 0, 1, 39, 49),
    "France": (0, 1, 39, 49, 50),
    "Germany": (-2, 0, 1, 39, 49, 50),
    "Italy": (0, 1),
    "Norway": (-3, -2, 0, 1, 39, 49, 50),
    "Poland": (0, 1, 49, 60),
    "Spain": (-2, 0),
    "Sweden": (-2, 0, 1, 39, 49),
}
MIDSUMMER = ("Finland", "Sweden")  # the Saturday from June 20 to 26


def features(table: Table, cycles: Mapping[str, int]) -> Table:
    """The row with its series, weekday, season (of so many years per product), holidays and the turn of the year."""
    date, goods, kind = table["date"], table["product"], table["product"].dtype
    categories = {
        "series": table["country"] + " " + table["store"] + " " + goods,
        "product_weekday": goods + " " + date.dt.day_of_week.astype(kind),
        "turn": date.dt.strftime("%m-%d").where(_turn(date), "").astype(kind),
    }
    seasons = _seasons(2 * np.pi * _years(date), goods, cycles)
    made = table.drop(columns="date").assign(**categories)
    return pd.concat([made, seasons, days_since(date, table["country"])], axis=1)


def mark(table: Table, until: str, growth: float = 4.0) -> Table:
    """The row with its date and its weight (1 at until): levels drift, so a year counts some times the one before."""
    date = times(table["date"], "%Y-%m-%d")
    return table.assign(date=date, weight=growth ** _years(date, until))


def holidays(country: str, years: Iterable[int]) -> pd.DatetimeIndex:
    """The country's public holidays in those years; none for a country that is not listed."""
    days: set[pd.Timestamp] = set()
    for year in years:
        days |= {pd.Timestamp(f"{year}-{day}") for day in FIXED.get(country, "").split()}
        sunday = pd.Timestamp(easter(year))
        days |= {sunday + pd.Timedelta(days=after) for after in AFTER_EASTER.get(country, ())}
        if country in MIDSUMMER:
            first = pd.Timestamp(f"{year}-06-20")
            days.add(first + pd.Timedelta(days=(5 - first.weekday()) % 7))
    return pd.DatetimeIndex(sorted(days))


def days_since(date: pd.Series, country: pd.Series) -> Table:
    """holiday_0, holiday_1, ...: 1 where a holiday of the row's country lies that many days back."""
    since = np.zeros((len(date), AFTERMATH + 1), dtype=np.int8)
    for name in country.unique():
        rows = np.flatnonzero((country == name).to_numpy())
        days = date.iloc[rows]
        known = holidays(str(name), range(days.dt.year.min() - 1, days.dt.year.max() + 1))
        for back in range(AFTERMATH + 1):
            since[rows, back] = (days - pd.Timedelta(days=back)).isin(known)
    return pd.DataFrame(since, index=date.index, columns=[f"holiday_{back}" for back in range(AFTERMATH + 1)])


def _years(date: pd.Series, since: str = "2000-01-01") -> np.ndarray:
    """Years since a day, (rows,)."""
    years: np.ndarray = (date - pd.Timestamp(since)).dt.days.to_numpy() / 365.25
    return years


def _turn(date: pd.Series) -> pd.Series:
    """Whether a date lies from Christmas Eve to Epiphany, where each day has a level of its own."""
    month, day = date.dt.month, date.dt.day
    return ((month == 12) & (day >= 24)) | ((month == 1) & (day <= 6))


def _seasons(angle: np.ndarray, goods: pd.Series, cycles: Mapping[str, int]) -> Table:
    """Sines and cosines of the season, columns of their own for each product and 0 in the other products' rows."""
    columns = {}
    for product, years in cycles.items():
        own = (goods == product).to_numpy()
        for wave in range(1, WAVES * years + 1):
            for curve in (np.sin, np.cos):
                columns[f"{product} {curve.__name__}{wave}"] = np.where(own, curve(wave * angle / years), 0.0)
    return pd.DataFrame(columns, index=goods.index, dtype=np.float32)
