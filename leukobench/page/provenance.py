"""Where the numbers come from: datasets with their terms, machine, versions, seeds."""

from leukobench.datasets.registry import get_dataset
from leukobench.errors import UsageError
from leukobench.text import visible

ABSENT = "not on record"
MACHINE = {
    "leukobench": "version",
    "commit": "commit",
    "python": "Python",
    "platform": "system",
    "processor": "processor",
    "cores": "cores",
    "memory_gib": "memory, GiB",
    "gpu": "GPU",
    "jobs": "worker processes",
    "threads": "threads a worker",
}


def provenance(report, root=None):
    """Datasets, machine and versions of a run.

    Parameters
    ----------
    report : Report
    root : path-like, optional
        The data root, for the cards of a laboratory's own datasets.

    Returns
    -------
    dict
        `suite` and `machine` (pairs of name and text), `packages` (pairs), `datasets` (dicts) and `dirty` (the commit
        was not what ran).
    """
    run, suite = report.run, report.run.suite
    environment = run.store.read_json("environment.json") or {}
    budget = {name: value for name, value in suite["budget"].items() if name != "name"}
    plan = {
        "suite": f"{suite['name']}, version {suite.get('version', 1)}",
        "what it asks": suite.get("description", ""),
        "label level": suite["level"],
        "protocols": ", ".join(suite["protocols"]),
        "seeds": ", ".join(map(str, suite["seeds"])),
        "budget": suite["budget"]["name"] + "".join(f"; {name} {_plain(value)}" for name, value in budget.items()),
        "fewest images of a class": f"{suite.get('min_source_images', 1)} to learn it, "
        f"{suite['min_test_images']} to be averaged",
        "index": run.plan.get("index_hash", ABSENT),
        "SHA-256 of manifest.json": report.digest,
    }
    return {
        "suite": [[name, visible(str(text))] for name, text in plan.items() if text],
        "machine": [
            [title, visible(str(environment[name]))] for name, title in MACHINE.items() if environment.get(name)
        ],
        "packages": [[visible(name), visible(str(text))] for name, text in environment.get("packages", {}).items()],
        "dirty": bool(environment.get("dirty")),
        "datasets": [_dataset(name, run.plan, root) for name in suite["datasets"]],
    }


def _dataset(name, plan, root):
    known = {"name": visible(name), "images": plan.get("images", {}).get(name)}
    known |= {"groups_unknown": name in plan["groups_unknown"]}
    try:
        card = get_dataset(name, root).card
    except UsageError:
        return known | dict.fromkeys(("title", "licence", "citation", "address", "scale"), "") | {"release": None}
    address = card.url if card.url.startswith(("https://", "http://")) else ""
    return known | {
        "title": visible(card.title),
        "release": card.total,
        "licence": visible(card.licence),
        "citation": visible(card.citation),
        "address": address,
        "scale": f"{card.um_per_px:g}" if card.um_per_px else "",
    }


def _plain(value):
    return ", ".join(f"{name} {each}" for name, each in value.items()) if isinstance(value, dict) else value
