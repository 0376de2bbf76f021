"""`leukobench doctor`: what this machine has, what is missing, and the command that gets it."""

import shutil
from collections import defaultdict
from importlib import metadata

from leukobench.cli.common import Data, console, show_rows
from leukobench.devices import has_driver, lacking_for_cuda

EXTRAS = {
    "deep": "networks",
    "report": "figures and explored maps",
    "cluster": "runs on several machines",
    "gpu-cuda12": "features on an NVIDIA GPU (CUDA 12)",
    "gpu-cuda13": "features on an NVIDIA GPU (CUDA 13)",
}


def doctor(data: Data = None):
    """Say what is here and what is missing: machine, extras, models, data and caches, each with what to do about it.

    leukobench doctor --data DIR
    """
    rows = [*_machine(), *_extras(), *_models(), *_data(data), *_cache()]
    show_rows([dict(zip(("what", "found", "to do"), row, strict=True)) for row in rows], "leukobench doctor")
    missing = sum(bool(to_do) for _, _, to_do in rows)
    console.say(f"to do, where it is wanted: {missing}" if missing else "nothing is missing")


def _machine():
    from leukobench.running.environment import describe_environment

    facts = describe_environment()
    yield "leukobench", f"{facts['leukobench']}, Python {facts['python']}", ""
    yield "machine", f"{facts['cores']} core(s), {facts['memory_gib']} GiB memory, {facts['processor']}", ""
    why, to_do = ("", "") if facts["gpu"] else lacking_for_cuda()
    yield "GPU", facts["gpu"] or why, to_do * has_driver()


def _extras():
    """Which packages of each extra are not installed; those for a GPU where there is one."""
    from packaging.requirements import Requirement

    lacking = defaultdict(list)
    for text in metadata.requires("leukobench") or ():
        requirement = Requirement(text)
        for extra in EXTRAS:
            asked = requirement.marker and "extra" in str(requirement.marker)
            if asked and requirement.marker.evaluate({"extra": extra}) and not _installed(requirement.name):
                lacking[extra].append(requirement.name)
    shown = [name for name in EXTRAS if not name.startswith("gpu") or has_driver()]
    for extra in shown:
        missing = f"not installed: {', '.join(lacking[extra])}" if lacking[extra] else "installed"
        yield (
            f"extra {extra}, for {EXTRAS[extra]}",
            missing,
            f"pip install 'leukobench[{extra}]'" * bool(lacking[extra]),
        )


def _installed(name):
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def _models():
    from leukobench.models import MODELS
    from leukobench.models.catalogue import describe, networks

    recipes = list(MODELS.values())
    ready = sum(not describe(recipe)["missing"] for recipe in recipes)
    yield "models", f"{ready} of {len(recipes)} can run here", "leukobench models ls" * (ready < len(recipes))
    for card in networks(recipes):
        yield f"weights of {card['network']}", "missing" if card["missing"] else "ready", card["missing"]


def _data(data):
    from leukobench.datasets import DATASETS, find_data_root, present_datasets
    from leukobench.datasets.fetch import how_to_get

    root = find_data_root(data, default=None)
    there = present_datasets(root) if root else []
    yield "data root", str(root or "none: runs are on drawn images"), "" if root else "--data DIR, or LEUKOBENCH_DATA"
    for name in DATASETS:
        to_do = "" if name in there else how_to_get(name) or ""
        yield f"dataset {name}", "there" if name in there else "missing", to_do
    for name in there:
        if name not in DATASETS:
            yield f"dataset {name}", "there, your own", ""


def _cache():
    from leukobench.cache import cache_folder
    from leukobench.cli.caches import kept

    _, size = kept()
    place = cache_folder()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    yield "cache", f"{size / 1e6:,.1f} MB in {cache_folder()}; {free / 1e9:,.1f} GB free on its disk", ""
