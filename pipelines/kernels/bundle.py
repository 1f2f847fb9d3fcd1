"""A folder ready to push: the source with its metadata, and datasets of code, wheels and what the kernel carries."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.holding import alone
from pipelines.kernels.carrying import FOLDS, kept, order_files, put
from pipelines.kernels.entry import MARK
from pipelines.kernels.needs import lacking, modules_in
from pipelines.kernels.order import Order, flat_name, name_of, words_of
from pipelines.kernels.seal import check_sealed
from pipelines.kernels.source import Told, as_notebook, as_script
from pipelines.kernels.wheels import given_wheels, own_wheel, take_wheels
from pipelines.runfolder import read_json, write_json

INSIDE = "competitions.inside"  # what the kernel calls


@dataclass(frozen=True)
class Bundle:
    """A built bundle."""

    root: Path

    @property
    def source(self) -> Path:
        """The folder with the source and kernel-metadata.json."""
        return self.root / "source"

    @property
    def code(self) -> Path:
        """The dataset of code and wheels."""
        return self.root / "code"

    @property
    def carried(self) -> Path:
        """The dataset of models or weights; not there where the kernel carries none."""
        return self.root / "carried"

    @property
    def datasets(self) -> list[Path]:
        """The datasets' folders."""
        return [path for path in (self.code, self.carried) if path.is_dir()]

    @property
    def metadata(self) -> dict[str, Any]:
        """What Kaggle is told of the kernel."""
        return read_json(self.source / "kernel-metadata.json")

    @property
    def content(self) -> dict[str, Any]:
        """What the kernel is told."""
        return read_json(self.code / MARK)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts, no other process builds, rehearses, pushes or pulls this kernel."""
        busy = f"{self.root}: expected nobody else to work on this kernel, got another process; wait for it"
        with alone(self.root.with_name(f".{self.root.name}.lock"), busy):
            yield


def build(order: Order) -> Bundle:
    """Write the bundle anew, whole or not at all."""
    made = Bundle(order.root)
    draft = Bundle(order.root.with_name(f".{order.root.name}-draft"))
    with made.alone():
        if draft.root.exists():
            shutil.rmtree(draft.root)
        try:
            write(order, draft)
            check_sealed(draft.root)
            if order.root.exists():
                shutil.rmtree(order.root)
            draft.root.rename(order.root)
        finally:
            shutil.rmtree(draft.root, ignore_errors=True)
    return made


def write(order: Order, draft: Bundle) -> None:
    """The bundle's files."""
    name = order.name or name_of(order)
    carried = dict(order_files(order))
    weights = next((place for place in carried if place.startswith("weights/")), "")
    single = order.weights is not None and order.weights.is_file()
    package = order.competition.name.split("/")[0]
    learners = [type(part.competition.learner).__module__ for part in order.parts]
    needed = lacking([INSIDE, *modules_in(f"competitions.{package}"), *learners], order.archives)
    own_wheel(draft.code, package)
    take_wheels(draft.code, needed, given_wheels(order.wheels))
    flat = {place: flat_name(place) for place in carried}
    content = {
        "name": name,
        "competition": order.competition.name,
        "slug": order.competition.slug,
        "choice": order.record.get("scores", {}).get("choice"),
        "parts": [
            {"place": order.place(part), "weight": part.weight, "record": kept(part.record)} for part in order.parts
        ],
        "files": flat,
        "weights": (weights if single else "weights") if weights else "",
        "predicts": not order.train,
        "folds": list(order.folds),
        "fold_file": FOLDS if FOLDS in carried else "",
        "internet": order.internet,
        "budget": order.budget,
        "packages": needed,
    }
    write_json(draft.code / MARK, content)
    for place, path in carried.items():
        put(path, draft.carried / flat[place])
    kinds = {draft.code: "code", draft.carried: "models" if not order.train else "weights" if weights else "folds"}
    for folder in draft.datasets:
        slug = f"{name}-{kinds[folder]}"
        about = {"id": f"{order.owner}/{slug}", "title": words_of(slug), "licenses": [{"name": "other"}]}
        write_json(folder / "dataset-metadata.json", about)
    write_source(order, draft, name)


def write_source(order: Order, draft: Bundle, name: str) -> None:
    """The one source file, and what Kaggle is told of it."""
    slugs = [str(read_json(folder / "dataset-metadata.json")["id"]).split("/")[1] for folder in draft.datasets]
    doing = "Trains" if order.train else "Predicts with the models of"
    told = Told(
        title=words_of(name),
        about=f"{doing} the run {order.run.name} for {order.competition.slug}. Built by podium; its code is in the "
        f"dataset {slugs[0]}.",
        owner=order.owner,
        code=slugs[0],
        carried=slugs[1] if len(slugs) > 1 else "",
        verb="train" if order.train else "predict",
    )
    file = f"{name}.ipynb" if order.form == "notebook" else f"{name}.py"
    text = as_notebook(told) if order.form == "notebook" else as_script(told)
    draft.source.mkdir(parents=True, exist_ok=True)
    (draft.source / file).write_text(text, encoding="utf-8")
    about = {
        "id": f"{order.owner}/{name}",
        "title": words_of(name),
        "code_file": file,
        "language": "python",
        "kernel_type": order.form,
        "is_private": not order.public,
        "enable_gpu": order.machine.gpu,  # deprecated for machine_shape; said too, so that neither contradicts
        "enable_tpu": False,
        "enable_internet": order.internet,  # the client's default is on
        "machine_shape": order.machine.shape,
        "dataset_sources": [f"{order.owner}/{slug}" for slug in slugs],
        "competition_sources": [order.competition.slug],
        "kernel_sources": [],
        "model_sources": [],
    }
    write_json(draft.source / "kernel-metadata.json", about)


def digest_of(folder: Path) -> str:
    """What a dataset's folder holds, hashed."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            lines.append(f"{path.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}")
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()
