"""A run folder made of known predictions."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

FAMILIES = {
    "perfect": "classical",
    "half": "classical",
    "net+head": "embedding",
    "fragile": "classical",
    "prior": "control",
    "adapted": "embedding",
    "pretrained": "embedding",
    "joined": "fused",
}


@dataclass
class RunMaker:
    """Writes a run folder; `answer(model, protocol, train, test, true, seed)` gives the class each image is called."""

    folder: object
    truth: dict  # dataset -> list of class codes, one per image
    models: tuple
    answer: object
    seeds: tuple = (0,)
    resamples: int = 0  # the answers of resample r are those of seed + 1000 r
    protocols: tuple = ("within", "pairwise")
    heads: dict = field(default_factory=dict)  # dataset -> classes of its head, all of them by default
    groups: dict = field(default_factory=dict)  # dataset -> list of groups
    contamination: dict = field(
        default_factory=dict
    )  # model -> datasets its weights have seen; not recorded by default
    failing: dict = field(default_factory=dict)  # (protocol, train, model, seed) -> status
    synthetic: bool = False
    min_test_images: int = 5
    costs: dict = field(default_factory=dict)
    credits: dict = field(default_factory=dict)  # as `running.credits` gives them
    facts: dict = field(default_factory=dict)  # model -> more that its records say
    opinions: dict = field(default_factory=dict)  # as `datasets.opinions.count_opinions` gives them

    def write(self):
        for name in ("cells", "predictions"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        cells = [
            self._cell(*place, model, seed, number)
            for place in self._places()
            for model in self.models
            for seed in self.seeds
            for number in range(self.resamples + 1)
        ]
        suite = {
            "name": "tiny",
            "level": "L5",
            "datasets": list(self.truth),
            "models": list(self.models),
            "protocols": list(self.protocols),
            "seeds": list(self.seeds),
            "budget": {"name": "quick"},
            "min_source_images": 10,
            "min_test_images": self.min_test_images,
            "costs": self.costs,
        }
        plan = {
            "suite": suite,
            "synthetic": self.synthetic,
            "groups_unknown": [name for name in self.truth if name not in self.groups],
            "opinions": self.opinions,
            "credits": self.credits,
            "cells": cells,
        }
        (self.folder / "plan.json").write_text(json.dumps(plan))
        return self.folder

    def _places(self):
        names = list(self.truth)
        places = {
            "within": [("within", name, [name], [name]) for name in names],
            "pairwise": [("pairwise", name, [name], [n for n in names if n != name]) for name in names],
            "lodo": [("lodo", f"all-{name}", [n for n in names if n != name], [name]) for name in names],
            "merged": [("merged", "merged", names, names)],
        }
        return [place for protocol in self.protocols for place in places[protocol]]

    def _cell(self, protocol, train, sources, targets, model, seed, number):
        fingerprint = f"{protocol}-{train}-{model}-{seed}".replace("/", "-")
        cell = {"protocol": protocol, "train": train, "model": model, "seed": seed}
        cell |= {"sources": sources, "targets": targets}
        cell |= {"fingerprint": fingerprint}
        cell |= {"contamination": self.contamination[model]} if model in self.contamination else {}
        if number:
            cell |= {"resample": number, "fingerprint": f"{fingerprint}-{number}"}
            fingerprint, seed = cell["fingerprint"], seed + 1000 * number
        status = self.failing.get((protocol, train, model, seed), "ok")
        if status == "missing":
            return cell
        everything = sorted({c for name in sources for c in self.truth[name]})
        head = self.heads.get(train, everything)
        left = {c: sum(self.truth[name].count(c) for name in sources) for c in everything if c not in head}
        known = status == "ok"
        record = cell | {
            "family": FAMILIES.get(model, "classical"),
            "transductive": model == "adapted",
            **self.facts.get(model, {}),
            "status": status,
            "error": "" if known else "ValueError: no luck",
            "error_kind": "" if known else status,
            "head_classes": head if known else [],
            "left_out_classes": left if known else {},
            "n_train": 100 if known else 0,
            "times": {"tune_s": 3.0, "fit_s": 2.0, "predict_ms_per_image": 0.5} if known else {},
        }
        (self.folder / "cells" / f"{fingerprint}.json").write_text(json.dumps(record))
        if known:
            tables = [self._predict(model, protocol, train, test, head, seed) for test in targets]
            pd.concat(tables).to_parquet(self.folder / "predictions" / f"{fingerprint}.parquet")
        return cell

    def _predict(self, model, protocol, train, test, head, seed):
        true = self.truth[test]
        called = self.answer(model, protocol, train, test, true, seed)
        groups = self.groups.get(test, [None] * len(true))
        hashes = [f"{test}{i:05d}" for i in range(len(true))]
        table = pd.DataFrame({"test": test, "sha256": hashes, "group": groups, "true": true})
        table["group"] = table["group"].astype("string")
        for name in head:
            table[f"p_{name}"] = np.where(np.array(called) == name, 0.7, 0.3 / (len(head) - 1))
        return table


@pytest.fixture
def make_run(tmp_path):
    """Function that takes `RunMaker`'s fields and returns the written folder."""
    return lambda truth, models, answer, **rest: RunMaker(tmp_path / "run", truth, models, answer, **rest).write()
