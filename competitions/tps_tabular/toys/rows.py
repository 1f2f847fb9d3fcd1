"""Months whose columns have a meaning: passengers, forest plots, bacteria, manufactured parts, a ten-letter code."""

from __future__ import annotations

from itertools import product
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd

from competitions.tps_tabular.toys.files import write

BACTERIA = (
    "Bacteroides_fragilis", "Campylobacter_jejuni", "Enterococcus_hirae", "Escherichia_coli", "Escherichia_fergusonii",
    "Klebsiella_pneumoniae", "Salmonella_enterica", "Staphylococcus_aureus", "Streptococcus_pneumoniae",
    "Streptococcus_pyogenes",
)  # fmt: skip


def passengers(root: Path, rows: int = 900, test_rows: int = 300) -> None:
    """apr-2021: a synthetic Titanic, sex and class decide, the test's passengers are older and poorer."""
    rng = np.random.default_rng(0)
    total = rows + test_rows
    late = np.arange(total) >= rows
    female, rank = rng.random(total) < 0.44, np.minimum(3, rng.integers(1, 4, total) + late)
    score = 1.6 * female + 0.7 * (2 - rank) - 0.7 + rng.normal(0, 0.8, total)
    given, family = rng.choice(["Frankie", "Drew", "Kenneth", "Anna"], total), rng.choice(["Oconnor", "Bryan"], total)
    fare = np.round(rng.gamma(2.0, 12.0, total) * (4 - rank), 2)
    deck = np.array(list("CEDBAFG"))[rng.integers(0, 3, total) + 2 * (rank - 1)]
    cabin = [letter + str(number) for letter, number in zip(deck, rng.integers(1, 20_000, total), strict=True)]
    kind = np.where(rng.random(total) < 0.3, rng.choice(["A. ", "CA ", "PC ", "STON/O 2. "], total), "")
    ticket = [text + str(number) for text, number in zip(kind, rng.integers(10_000, 900_000, total), strict=True)]
    table = pd.DataFrame(
        {
            "PassengerId": np.arange(total) + np.where(late, 100_000 - rows, 0),
            "Survived": (score > 0).astype(int),
            "Pclass": rank,
            "Name": [f"{one}, {other}" for one, other in zip(family, given, strict=True)],
            "Sex": np.where(female, "female", "male"),
            "Age": pd.Series(np.round(rng.normal(34 + 6 * late, 14).clip(0.08, 87), 2)).mask(rng.random(total) < 0.03),
            "SibSp": rng.poisson(0.4, total),
            "Parch": rng.poisson(0.4, total),
            "Ticket": ticket,
            "Fare": pd.Series(fare).mask(rng.random(total) < 0.01),
            "Cabin": pd.Series(cabin).mask(rng.random(total) < 0.68),
            "Embarked": pd.Series(rng.choice(["S", "C", "Q"], total, p=[0.7, 0.2, 0.1])).mask(rng.random(total) < 0.01),
        }
    )
    write(root, table[~late], table[late].drop(columns="Survived"), {"Survived": 1})


def forest(root: Path, rows: int = 1200, test_rows: int = 300) -> None:
    """dec-2021: class from elevation and aspect, aspects and hillshades beyond their range, one row of class 5."""
    rng = np.random.default_rng(0)
    total = rows + test_rows
    height = rng.normal(2980, 290, total)
    aspect, slope = rng.integers(0, 360, total), np.abs(rng.normal(15, 8, total))
    north = 60 * np.cos(np.radians(aspect))
    cover = np.select(
        [height + north > limit for limit in (3480, 3050, 2700, 2480, 2400)], [7, 1, 2, 3, 6], 4
    )  # class 2 is the most frequent, class 4 the rarest
    lost = rng.random(total) < 0.06
    cover = np.where(lost, rng.choice([1, 2, 3], total, p=[0.4, 0.5, 0.1]), cover)
    cover[rows // 2] = 5
    shade = {
        "Hillshade_9am": 212 + 30 * np.sin(np.radians(aspect)),
        "Hillshade_Noon": 223 - slope,
        "Hillshade_3pm": 137 - 30 * np.sin(np.radians(aspect)),
    }
    table = pd.DataFrame(
        {
            "Id": np.r_[:rows, 4_000_000 : 4_000_000 + test_rows],
            "Elevation": height.round(),
            "Aspect": aspect + 360 * rng.choice([-1, 0, 1], total, p=[0.05, 0.9, 0.05]) * (aspect % 90 < 40),
            "Slope": slope.round(),
            "Horizontal_Distance_To_Hydrology": rng.gamma(1.5, 180, total).round(),
            "Vertical_Distance_To_Hydrology": rng.normal(50, 70, total).round(),
            "Horizontal_Distance_To_Roadways": rng.gamma(1.6, 1100, total).round(),
            **{name: (mean + rng.normal(0, 25, total)).round() for name, mean in shade.items()},
            "Horizontal_Distance_To_Fire_Points": rng.gamma(1.7, 950, total).round(),
            **{f"Wilderness_Area{number}": rng.random(total) < 0.25 for number in range(1, 5)},
            **{f"Soil_Type{number}": rng.random(total) < 0.04 * (number not in (7, 15)) for number in range(1, 41)},
            "Cover_Type": cover,
        }
    ).astype("int64")
    write(root, table[:rows], table[rows:].drop(columns="Cover_Type"), {"Cover_Type": 2})


def bacteria(root: Path, rows: int = 700, test_rows: int = 250) -> None:
    """feb-2022: ten-base histograms less their chance; a third of the rows are copies, and some are in test too."""
    rng = np.random.default_rng(0)
    blocks = [count for count in product(range(11), repeat=4) if sum(count) == 10]
    chance = np.array([factorial(10) // np.prod([factorial(one) for one in count]) for count in blocks]) / 4.0**10
    kind = rng.integers(0, len(BACTERIA), 700)
    genome = chance * rng.gamma(60.0, 1.0, (len(BACTERIA), len(blocks)))
    genome /= genome.sum(axis=1, keepdims=True)
    reads = rng.choice([1_000, 10_000], len(kind))
    share = np.array([rng.multinomial(size, genome[one]) / size for size, one in zip(reads, kind, strict=True)])
    values = pd.DataFrame((share - chance).round(9), columns=["A{}T{}G{}C{}".format(*count) for count in blocks])
    drawn = np.r_[rng.integers(0, 500, rows), np.arange(500, 500 + test_rows - 50), rng.integers(0, 500, 50)]
    table = values.iloc[drawn].reset_index(drop=True)
    table.insert(0, "row_id", np.r_[:rows, 200_000 : 200_000 + test_rows])
    table["target"] = np.array(BACTERIA)[kind[drawn]]
    write(root, table[:rows], table[rows:].drop(columns="target"), {"target": BACTERIA[-1]})


def parts(root: Path, rows: int = 1250, test_rows: int = 400) -> None:
    """aug-2022: products A-E in train, F-I in test; measurement_17 follows 3 to 9 with another slope per product."""
    rng = np.random.default_rng(0)
    total = rows + test_rows
    code = np.r_[np.sort(rng.choice(list("ABCDE"), rows)), np.sort(rng.choice(list("FGHI"), test_rows))]
    place = np.array(["ABCDEFGHI".index(letter) for letter in code])
    loading = np.exp(rng.normal(4.8, 0.3, total))
    measures = {f"measurement_{number}": rng.normal(10 + number / 2, 1.0, total) for number in range(3, 17)}
    slopes = rng.uniform(0.2, 1.0, (9, 7))
    followed = np.column_stack([measures[f"measurement_{number}"] for number in range(3, 10)])
    measures["measurement_17"] = 20 * (slopes[place] * (followed - 12)).sum(axis=1) + 700 + rng.normal(0, 20, total)
    late = np.linspace(0.3, 1.0, total)  # more cells are empty towards the end
    blank = {name: rng.random(total) < late * share for name, share in _blanks(measures).items()}
    logit = (
        -1.6
        + 3.0 * (np.log(loading) - 4.8)
        + 0.004 * (measures["measurement_17"] - 700)
        - 1.2 * blank["measurement_3"]
        + 1.2 * blank["measurement_5"]
    )
    table = pd.DataFrame(
        {
            "id": np.r_[:rows, 26_570 : 26_570 + test_rows],
            "product_code": code,
            "loading": pd.Series(np.round(loading, 2)).mask(rng.random(total) < 0.01),
            "attribute_0": np.where(np.isin(code, list("BEG")), "material_5", "material_7"),
            "attribute_1": np.array([f"material_{number}" for number in (8, 5, 8, 5, 6, 6, 5, 6, 7)])[place],
            "attribute_2": np.array([9, 8, 5, 6, 6, 6, 9, 7, 7])[place],
            "attribute_3": np.array([5, 8, 8, 6, 9, 4, 7, 9, 5])[place],
            **{f"measurement_{number}": rng.poisson(6 + place) for number in range(3)},
            **{name: pd.Series(np.round(column, 3)).mask(blank[name]) for name, column in measures.items()},
            "failure": (rng.random(total) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )
    write(root, table[:rows], table[rows:].drop(columns="failure"), {"failure": 0.2})


def _blanks(measures: dict[str, np.ndarray]) -> dict[str, float]:
    """Share of empty cells per measurement, rising from 3 to 17."""
    return {name: 0.03 + 0.006 * place for place, name in enumerate(measures)}


def codes(root: Path, rows: int = 1200, test_rows: int = 300) -> None:
    """may-2022: a ten-letter f_27, and sums of floats that matter only far from zero."""
    rng = np.random.default_rng(0)
    total = rows + test_rows
    letters = rng.choice(list("ABCDEFGHIJKLMNOPQRST"), (total, 10), p=[0.3, 0.3, *[0.4 / 18] * 18])
    wide = {2: 1.0, 21: 4.0, 5: 1.0, 22: 4.0, 0: 2.5, 1: 2.5, 26: 2.5}  # so that one sum in five passes its limit
    columns: dict[str, object] = {}
    for number in range(31):
        if number in (*range(7), *range(19, 27)):
            columns[f"f_{number:02}"] = np.round(rng.normal(0, wide.get(number, 1.0), total), 10)
        elif number == 27:
            columns["f_27"] = ["".join(row) for row in letters]
        elif number == 28:
            columns["f_28"] = np.round(rng.normal(0, 240, total), 6)
        else:
            columns[f"f_{number:02}"] = rng.integers(0, 2, total) if number > 28 else rng.poisson(2, total)
    table = pd.DataFrame(columns)
    sums = (("f_02", "f_21"), ("f_05", "f_22"), ("f_00", "f_01", "f_26"))
    far = sum(np.sign(table[list(one)].sum(axis=1)) * (table[list(one)].sum(axis=1).abs() > 5.2) for one in sums)
    distinct = np.array([len(set(row)) for row in letters])
    score = 1.5 * far + 0.6 * (distinct - 4) + rng.normal(0, 0.8, total)
    table.insert(0, "id", np.r_[:rows, 900_000 : 900_000 + test_rows])
    table["target"] = (score > 0).astype(int)
    write(root, table[:rows], table[rows:].drop(columns="target"), {"target": 0.5})
