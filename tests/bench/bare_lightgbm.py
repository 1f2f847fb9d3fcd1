"""What a Kaggler writes by hand: load, loop over given folds, fit LightGBM, write; the peer of bench_table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score


def main(root: Path, folds: Path, settings: dict[str, object], out: Path) -> None:
    train, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    roles = pd.read_parquet(folds).drop(columns="id").to_numpy()
    features = [name for name in train.columns if name not in ("id", "target")]
    rounds, patience = settings.pop("rounds"), settings.pop("patience")
    oof, predicted = np.zeros(len(train)), np.zeros(len(test))
    for fold in range(roles.shape[1]):
        fit, valid = roles[:, fold] == 1, roles[:, fold] == 2
        seen = lgb.Dataset(train.loc[fit, features], train.loc[fit, "target"])
        judged = lgb.Dataset(train.loc[valid, features], train.loc[valid, "target"], reference=seen)
        callbacks = [lgb.early_stopping(patience, verbose=False)] if patience else []
        model = lgb.train(settings, seen, rounds, valid_sets=[judged], callbacks=callbacks)
        oof[valid] = model.predict(train.loc[valid, features])
        predicted += model.predict(test[features]) / roles.shape[1]
    print("AUC", roc_auc_score(train["target"], oof))
    pd.DataFrame({"id": train["id"], "prediction": oof}).to_parquet(out / "oof.parquet")
    pd.DataFrame({"id": test["id"], "target": predicted}).to_csv(out / "submission.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4]))
