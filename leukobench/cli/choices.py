"""What there is to choose from, for `--help`: read from the package's tables without importing what reads images."""

import tomllib
from importlib import resources

PACKAGE = resources.files("leukobench")
PROTOCOLS = {
    "within": "cross-validated in each dataset",
    "pairwise": "trained on each, tested on every other",
    "lodo": "trained on all but one",
    "merged": "cross-validated in all together",
    "corrupted": "within, on ten corruptions at five severities",
    "leaky": "within, with slides on both sides",
    "labels_N": "lodo with N = 1, 5, 10 or 50 labelled cells of each class of the target",
    "size_N": "pairwise with N = 15, 30, 60 or 150 cells of each class",
}


def epilog():
    """Suites, protocols and budgets with what they mean, as Markdown."""
    tables = (path for path in (PACKAGE / "suites").iterdir() if path.name.endswith(".toml"))
    suites = {table["name"]: table["description"] for table in map(_read, tables)}
    budgets = {name: _bought(counts) for name, counts in _read(PACKAGE / "running" / "budgets.toml").items()}
    sections = {"Suites": dict(sorted(suites.items())), "Protocols": PROTOCOLS, "Budgets": budgets}
    return "\n\n".join(f"**{title}**\n\n{_listed(choices)}" for title, choices in sections.items())


def _read(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _bought(counts):
    """What a budget buys, in words; light models have most trials."""
    return (
        f"{counts['outer_folds']} folds, {counts['seeds']} seed(s), up to {counts['trials']['light']} trials"
        f" of a tuning on {counts['inner_folds']} inner folds, {counts['epochs']} epoch(s) of a network"
    )


def _listed(choices):
    return "\n".join(f"- {name}: {what}" for name, what in choices.items())
