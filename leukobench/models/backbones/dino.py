"""DINOv2, and DinoBloom, which was trained further on blood and marrow cells: vision transformers through timm."""

import os
from functools import lru_cache, partial
from pathlib import Path

from leukobench.cache import cache_folder
from leukobench.errors import UsageError, in_one_line, unknown
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD, Backbone
from leukobench.models.backbones.hub import GET_TIMM, MIDDLE, at_size, load_timm, not_fetched, timm_command
from leukobench.models.backbones.libraries import import_deep

DINO = {"s": ("small", 384, 12), "b": ("base", 768, 12), "l": ("large", 1024, 24), "g": ("giant", 1536, 40)}
"""Size to its name in timm, length of a vector and number of blocks."""

DINOBLOOM_DOI = "doi:10.5281/zenodo.10908163"
DINOBLOOM_SHA256 = {"s": "c2f7990b003e89bcece80e379fb8fe0ba2ec392ce19b286e8a294abd99568e44"}
"""As public code states it; the others are compared, when fetched, with the checksum that Zenodo states."""

DINOBLOOM_TRAINED_ON = (
    "LVD-142M (DINOv2)",
    "13 sets of blood and marrow cells, among them Munich, Raabin, LISC, BCCD and the two of zxaoyou; not Barcelona",
)
DINOBLOOM_SEEN = ("munich", "raabin", "cvb", "jiangxi", "lisc", "bccd")
"""The names that some of these sets have, or would have, here."""


@lru_cache
def dinov2_card(size):
    """The card of a DINOv2 vision transformer: "s", "b", "l" or "g" for small, base, large or giant."""
    architecture, facts = _dino(size, "dinov2")
    full_name = f"{architecture}.lvd142m"
    return Backbone(
        name=f"dinov2:{size}",
        load=partial(load_timm, full_name),
        weights=None,
        sha256="",
        licence="Apache-2.0",
        origin=f"timm, timm/{full_name}",
        source="Oquab 2024, arXiv 2304.07193",
        pretrained_on=("LVD-142M, no blood cells",),
        revision=full_name,
        help=timm_command(full_name),
        **facts,
    )


def dinobloom_card(size):
    """The card of a DinoBloom vision transformer of a size of `dinov2_card`, trained further on blood and marrow cells.

    The weights are read from the folder `LEUKOBENCH_WEIGHTS`, or from the cache folder, where they are downloaded to
    from Zenodo and compared with the checksum that Zenodo states.
    """
    return _dinobloom_card(size, weights_folder())


@lru_cache
def _dinobloom_card(size, folder):
    architecture, facts = _dino(size, "dinobloom")
    file = f"DinoBloom-{size.upper()}.pth"
    return Backbone(
        name=f"dinobloom:{size}",
        load=partial(_load_dinobloom, architecture),
        weights=partial(Path, folder / file),
        sha256=DINOBLOOM_SHA256.get(size, ""),
        licence="Apache-2.0",
        origin=f"Zenodo 10908163: {file}",
        source="Koch 2024, arXiv 2404.05022",
        pretrained_on=DINOBLOOM_TRAINED_ON,
        contamination=DINOBLOOM_SEEN,
        fetch=_fetch_dinobloom,
        help=f"download https://zenodo.org/records/10908163/files/{file} into {folder}",
        **facts,
    )


def _dino(size, family):
    if size not in DINO:
        raise unknown(f"size of {family}", size, DINO)
    word, dim, blocks = DINO[size]
    maps = tuple((f"blocks.{block}", dim) for block in range(blocks))
    return f"vit_{word}_patch14_dinov2", {
        "dim": dim,
        "input_size": 224,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "pooling": "class token",
        "stages": maps[MIDDLE],
        "libraries": ("torch", "timm"),
        "install": GET_TIMM,
    }


def weights_folder():
    """Folder of weights files that were downloaded: `LEUKOBENCH_WEIGHTS`, else "weights" in the cache folder.

    Returns
    -------
    pathlib.Path

    Examples
    --------
    >>> weights_folder().name
    'weights'
    """
    return Path(os.environ.get("LEUKOBENCH_WEIGHTS") or cache_folder() / "weights")


def _fetch_dinobloom(path):
    pooch = import_deep("pooch")
    record = pooch.create(path=path.parent, base_url=f"{DINOBLOOM_DOI}/")
    try:
        record.load_registry_from_doi()
        record.fetch(path.name)
    except (OSError, ValueError) as error:  # no network, and another checksum than Zenodo states
        help = f"download https://zenodo.org/records/10908163/files/{path.name} to {path}"
        raise not_fetched(path.name, error, help) from error


def _load_dinobloom(architecture, weights, input_size):
    timm, torch = import_deep("timm", GET_TIMM), import_deep("torch")
    network = timm.create_model(architecture, pretrained=False, num_classes=0, img_size=224)
    try:
        published = torch.load(weights, map_location="cpu", weights_only=True)["teacher"]
        network.load_state_dict(_in_timm_names(published))
    except Exception as error:  # torch's safe reader has no exception of its own for a file that it cannot read
        raise UsageError(
            f"{weights} is not a weights file of DinoBloom ({in_one_line(error)})", "download it anew"
        ) from error
    return at_size(network, input_size)


def _in_timm_names(published):
    """Weights of the teacher's backbone, without its heads and mask token, by the names that timm gives them."""
    gated = {".mlp.w12.": ".mlp.fc1.", ".mlp.w3.": ".mlp.fc2."}  # of the giant
    renamed = {}
    for name, value in published.items():
        if name.startswith("backbone.") and name != "backbone.mask_token":
            for theirs, ours in gated.items():
                name = name.replace(theirs, ours)
            renamed[name.removeprefix("backbone.")] = value
    return renamed
