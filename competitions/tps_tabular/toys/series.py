"""Months with a clock: air sensors by the hour, shop sales by the day, road traffic, recorded sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from competitions.tps_tabular.toys.files import save, write


def air(root: Path, step: int = 5, seed: int = 0) -> None:
    """jul-2021: every fifth hour, a pollution level that lasts for days; the last train row opens the test."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2010-03-10 18:00", "2011-04-04 14:00", freq=f"{step}h")
    total, season = len(time), 2 * np.pi * time.day_of_year.to_numpy() / 365.25
    level = np.zeros(total)
    for row in range(1, total):  # hours near each other share it: shuffled folds can look it up next door
        level[row] = 0.97 * level[row - 1] + rng.normal(0, 0.14)
    rush = np.exp(-0.5 * ((time.hour.to_numpy() - 19) / 3.0) ** 2)
    load = 0.8 * rush + level + 0.4 * np.cos(season)
    warm = 17 - 10 * np.cos(season) + 4 * np.sin(2 * np.pi * (time.hour.to_numpy() - 9) / 24) + rng.normal(0, 1, total)
    drift = np.linspace(0, 1, total)
    table = pd.DataFrame(
        {
            "date_time": time.strftime("%Y-%m-%d %H:%M:%S"),
            "deg_C": warm.round(1),
            "relative_humidity": (48 - warm + rng.normal(0, 8, total)).round(1),
            "absolute_humidity": (0.1 + 0.05 * warm + rng.normal(0, 0.05, total)).round(4),
            **{
                f"sensor_{number}": (900 + 140 * (-1) ** number * (load + drift) + rng.normal(0, 90, total)).round(1)
                for number in range(1, 6)
            },
            "target_carbon_monoxide": np.exp(0.4 + 0.7 * load + rng.normal(0, 0.1, total)).round(1),
            "target_benzene": np.exp(1.9 + 0.8 * load + rng.normal(0, 0.1, total)).round(1),
            "target_nitrogen_oxides": np.exp(4.8 + 0.8 * load + rng.normal(0, 0.1, total)).round(1),
        }
    )
    targets = [name for name in table if name.startswith("target")]
    past, future = time <= "2011-01-01", time >= "2011-01-01"  # both hold the first hour of 2011
    write(root, table[past], table[future].drop(columns=targets), dict(zip(targets, (2.0, 10.0, 300.0), strict=True)))


@dataclass(frozen=True, kw_only=True)
class Sales:
    """jan-2022, sep-2022: daily sales of a few real series over four years, the fifth year to forecast."""

    countries: Sequence[str]
    stores: Sequence[str]
    products: Sequence[str]
    first: str
    years: int = 4
    cycle: int = 1  # years of the last product's season
    sample: int = 100
    first_id: int = 0
    test_from: int = 0

    def __call__(self, root: Path) -> None:
        """Write the three files into root."""
        rng = np.random.default_rng(0)
        start = pd.Timestamp(self.first)
        end = start + pd.DateOffset(years=self.years)
        days = pd.date_range(start, end + pd.DateOffset(years=1), freq="D", inclusive="left")
        names = list(product(self.countries, self.stores, self.products))
        table = pd.DataFrame(
            [(day, *name) for day in days for name in names], columns=["date", "country", "store", "product"]
        )
        table["num_sold"] = self._sold(rng, table)
        past = (table["date"] < end).to_numpy()
        table["date"] = table["date"].dt.strftime("%Y-%m-%d")
        number = np.arange(len(table)) - past.sum() * ~past
        table.insert(0, "row_id", number + np.where(past, self.first_id, self.test_from))
        write(root, table[past], table[~past].drop(columns="num_sold"), {"num_sold": self.sample})

    def _sold(self, rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
        """Country, store and product multiply; weekends, the turn of the year and a product's own season on top."""
        date = table["date"].dt
        levels = {"country": self.countries, "store": self.stores, "product": self.products}
        country, store, goods = (table[name].map(list(known).index).to_numpy() for name, known in levels.items())
        last = goods == len(self.products) - 1
        days = (table["date"] - pd.Timestamp(self.first)).dt.days.to_numpy()
        season = np.cos(2 * np.pi * days / 365.25 / np.where(last, self.cycle, 1))
        festive = (date.month.to_numpy() == 12) & (date.day.to_numpy() >= 27)
        logs = 5.0 + 0.3 * country + 0.55 * store + 0.4 * goods + np.where(last, 0.4, -0.2) * season
        logs += 0.15 * (date.day_of_week.to_numpy() >= 5) + 0.4 * festive + 0.01 * days / 365.25
        sold: np.ndarray = np.round(np.exp(logs + rng.normal(0, 0.06, len(table)))).astype(int)
        return sold


def traffic(root: Path, days: int = 15) -> None:
    """mar-2022: congestion of a few roads every 20 minutes; the test is the last half-day."""
    rng = np.random.default_rng(0)
    roads = [(0, 0, "EB"), (0, 1, "NB"), (1, 2, "SW"), (2, 3, "WB")]
    time = pd.date_range(end="1991-09-30 23:40", periods=72 * days, freq="20min")
    table = pd.DataFrame(
        [(moment, *road) for moment in time for road in roads], columns=["time", "x", "y", "direction"]
    )
    road, clock = np.tile(range(len(roads)), len(time)), table["time"].dt
    hour, free = (clock.hour + clock.minute / 60).to_numpy(), (clock.day_of_week >= 5).to_numpy()
    rush = np.exp(-0.5 * ((hour - 8) / 2) ** 2) + np.exp(-0.5 * ((hour - 17) / 2) ** 2)
    level = 30 + 8 * road + (25 - 15 * free) * rush * np.array([1, 0.5, 1, -0.5])[road]
    table["congestion"] = (level + rng.normal(0, 5, len(table))).round().clip(0, 100).astype(int)
    past = (table["time"] < "1991-09-30 12:00").to_numpy()
    table["time"] = table["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    table.insert(0, "row_id", np.arange(len(table)) + np.where(past, 0, 848_835 - past.sum()))
    write(root, table[past], table[~past].drop(columns="congestion"), {"congestion": 0})


def sequences(root: Path, rows: int = 240, test_rows: int = 60) -> None:
    """apr-2022: 60 steps of 13 sensors per sequence, several sequences per subject, the state in train_labels.csv."""
    rng = np.random.default_rng(0)
    total, steps = rows + test_rows, 60
    subject = np.r_[rng.integers(0, 20, rows), rng.integers(672, 680, test_rows)]
    state = rng.random(total) < 1 / (1 + np.exp(-np.sin(1.7 * subject)))  # a subject's states lean to one side
    waves = rng.normal(0, 1, (total, steps, 13)) * rng.gamma(3.0, 0.3, (total, 1, 13))
    waves[:, :, 2] *= np.where(state, 1.7, 0.9)[:, None]  # sensor_02 swings wider in state 1
    waves[:, :, 4] += rng.normal(0, 1, (total, 1)) + 0.6 * state[:, None]
    number = np.r_[:rows, 25_968 : 25_968 + test_rows]
    table = pd.DataFrame(waves.reshape(-1, 13).round(6), columns=[f"sensor_{one:02}" for one in range(13)])
    table.insert(0, "step", np.tile(range(steps), total))
    table.insert(0, "subject", subject.repeat(steps))
    table.insert(0, "sequence", number.repeat(steps))
    past = (table["sequence"] < 25_968).to_numpy()
    root.mkdir(parents=True, exist_ok=True)
    save(root / "train.csv", table[past])
    save(root / "test.csv", table[~past])
    labels = pd.DataFrame({"sequence": number, "state": state.astype(int)})
    save(root / "train_labels.csv", labels[:rows])
    save(root / "sample_submission.csv", labels[rows:].assign(state=0))
