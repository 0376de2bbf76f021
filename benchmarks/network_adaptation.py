"""What unlabelled cells of a laboratory give a network: AdaBN and TENT, cut and scored like `adaptation.py`.

    python benchmarks/network_adaptation.py --data ../shared/data
    python benchmarks/network_adaptation.py --data ../shared/data --targets

The network is that of the recipe, trained on four fifths of Barcelona. AdaBN takes the statistics of batch
normalisation from the cells (Li 2016, arXiv 1603.04779); TENT then turns its scales and offsets so that the entropy of
what is said of them falls (Wang 2021, arXiv 2006.10726), at a rate and for a time that are chosen in simulated
laboratories before a real one is scored. Transductive: no labels of the target are used, but some of its pictures are.
It gives network_adaptation.csv.
"""

import argparse
import copy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from abroad import Bench
from adaptation import CHOICES, FREQUENCIES, answers, figures
from masked_tokens import SOURCE, TARGETS, parts_of
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root
from leukobench.metrics.scoring import answers_of
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target
from leukobench.models import get_model
from leukobench.models.network.answering import BATCH, batches_of
from leukobench.models.network.architecture import adapt_batch_norm
from leukobench.running.folds import group_ids

MODEL = "finetune:mobilenet_v2[epochs=16,precision=float32]+worlds+adabn"
TAKEN = ("50 cells", "200 cells", "all of four fifths")
ALL = "all of four fifths"
SETTINGS = ((1e-4, 1), (1e-3, 1), (1e-3, 4))  # learning rate of TENT, and passes over the cells
SOME = 10  # simulated laboratories that TENT is chosen in


def even(crops):
    """Batches of one size, as each has the same say in the statistics."""
    parts = -(-len(crops) // BATCH)
    return batches_of(crops, size=-(-len(crops) // parts))


def minimise_entropy(module, crops, temperature, rate, passes):
    """TENT: the module with other scales and offsets in its batch normalisation."""
    module = adapt_batch_norm(module, even(crops)).requires_grad_(False)
    norms = [each for each in module.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train().requires_grad_(True)
    optimiser = torch.optim.Adam([each for norm in norms for each in norm.parameters()], rate)
    rng = np.random.default_rng(0)
    for _ in range(passes):
        for batch in even(crops[rng.permutation(len(crops))]):
            logs = torch.log_softmax(module(batch)[0] / temperature, 1)
            entropy = -(logs.exp() * logs).sum(1).mean()
            optimiser.zero_grad()
            entropy.backward()
            optimiser.step()
    return adapt_batch_norm(module, even(crops))


class Adapting:
    """A trained network, and how it adapts to cells.

    Parameters
    ----------
    classifier : NetworkClassifier
    setting : (float, int) or None
        Of TENT; None is AdaBN.
    """

    def __init__(self, classifier, setting):
        self.estimator_, self.setting = self.holding(classifier, classifier.module_), setting

    @staticmethod
    def holding(classifier, module):
        """The same classifier with another network, which predicts as it is."""
        other = copy.copy(classifier)
        other.adapt, other.module_ = False, module
        return other

    def adapted(self, rows):
        """The classifier that has adapted to cells."""
        own = self.estimator_
        crops = own.field_of(rows)
        module = (
            minimise_entropy(own.module_, crops, own.temperature_, *self.setting)
            if self.setting
            else adapt_batch_norm(own.module_, even(crops))
        )
        return self.holding(own, module)


def scored(ways, fitted, rows, samples, choices):
    """Bootstrap of what each way makes of the cells of each test."""
    targets, true = {}, samples["class"].to_numpy(str)
    for test, at in samples.groupby("test", sort=False).indices.items():
        target = targets[test] = Target(true[at], group_ids(samples.iloc[at]))
        for way, model in ways.items():
            for name, given in answers(model, rows[at], true[at], 0, choices).items():
                codes = np.searchsorted(fitted.classes, true[at])
                target.add((name, way), np.arange(len(at)), answers_of(codes, given, fitted.classes))
    return bootstrap(dict(sorted(targets.items())))


def tables(scores, ways, choices, tests):
    """What each way gives, by the cells that it adapts to."""
    models = scores.keys.get_level_values("model")
    return pd.concat([figures(scores, choices, tests, models == way).assign(way=way) for way in ways])


def in_worlds(bench, fitted, representation, samples):
    """AdaBN and each setting of TENT in some simulated laboratories."""
    ways = {"AdaBN": Adapting(fitted.estimator, None)} | {
        way_of(*setting): Adapting(fitted.estimator, setting) for setting in SETTINGS
    }
    some = samples[samples["condition"].isin(samples["condition"].unique()[:SOME])].reset_index(drop=True)
    found = scored(ways, fitted, bench.rows(representation, some), some, {ALL: CHOICES[ALL]})
    return tables(found, ways, ["no cells", ALL, FREQUENCIES], []).assign(test="worlds")


def in_targets(bench, fitted, representation, samples, setting):
    """AdaBN and one setting of TENT in real laboratories."""
    ways = {"AdaBN": Adapting(fitted.estimator, None), way_of(*setting): Adapting(fitted.estimator, setting)}
    choices = {name: CHOICES[name] for name in TAKEN}
    found = scored(ways, fitted, bench.rows(representation, samples), samples, choices)
    return tables(found, ways, ["no cells", *choices, FREQUENCIES], TARGETS)


def way_of(rate, passes):
    """What a setting of TENT is called in tables."""
    return f"TENT, {passes} passes at {rate:g}"


def best_of(table):
    """The setting of TENT that is the best in simulated laboratories, the first where two are."""
    reached = table[(table["test"] == "worlds") & (table["adapted to"] == ALL)].set_index("way")["score"]
    return max(SETTINGS, key=lambda setting: reached[way_of(*setting)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--targets", action="store_true", help="real laboratories, by what simulated ones have chosen")
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")  # two fifths have none of three basophils
    torch.set_num_threads(1)
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 8)
    train, parts = parts_of(bench, options.shown)
    recipe, path = get_model(MODEL).with_training(epochs=8), options.out / "network_adaptation.csv"
    fitted = bench.fitted(recipe, 0, train)
    with threadpool_limits(1):
        if options.targets:
            before = pd.read_csv(path)
            before = before[before["test"] == "worlds"]
            found = in_targets(bench, fitted, recipe.representation, parts["real"], best_of(before))
            table = pd.concat([before, found])
        else:
            table = in_worlds(bench, fitted, recipe.representation, parts["worlds"])
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
