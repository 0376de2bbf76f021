"""The look at a data root as one HTML file that needs no network."""

import base64
import hashlib
from pathlib import Path

import cv2
import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from leukobench.audit import audit
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.exploration.maps import principal_components, umap_of
from leukobench.files import keep_result
from leukobench.page.write import FOLDER, as_json

HERE = Path(__file__).parent / "templates"
SHOWN = 400  # points of a dataset in the plot of brightness, and rows of what is wrong
FOUND_FILES = 3


def write_page(path, look):
    """Write what was seen.

    Parameters
    ----------
    path : Path
        The file to write.
    look : Look
        Of `look_at`.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    keep_result(path, render(look).encode())


def render(look):
    """The page, not yet written.

    Parameters
    ----------
    look : Look

    Returns
    -------
    str
    """
    index = look.index
    usable = index[index["status"] == "ok"]
    files = FOLDER / "static" / "plotly-basic.min.js", HERE / "explore.js"
    scripts = [file.read_text(encoding="utf-8") for file in files]
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    wrong = index[index["status"] != "ok"]
    return environment.get_template("explore.html").render(
        synthetic=bool(index["synthetic"].any()),
        level=look.level,
        seed=look.seed,
        sampled=len(look.sample),
        datasets=sorted(usable["dataset"].unique()),
        counts=_counts(usable),
        sizes=_sizes(usable),
        cells=_cells(look),
        findings=[(each, each.files[:FOUND_FILES], len(each.files)) for each in audit(index)],
        wrong=wrong[["dataset", "path", "status", "reason"]].head(SHOWN).to_dict("records"),
        wrong_total=len(wrong),
        lost=look.lost,
        style=Markup((HERE / "explore.css").read_text(encoding="utf-8")),
        data=Markup(as_json({"plots": _plots(look, usable)})),
        scripts=[Markup(text) for text in scripts],
        sources=" ".join(f"'sha256-{_digest(text)}'" for text in scripts),
    )


def _digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _counts(usable):
    """Cell types in rows, datasets in columns, each with how dark its cell is shown."""
    table = pd.crosstab(usable["code"], usable["dataset"])
    table = table.loc[[code for code in CELL_TYPES if code in table.index]]
    return [
        {"code": code, "name": CELL_TYPES[code].name, "counts": [(n, _shade(n)) for n in row], "total": sum(row)}
        for code, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    ]


def _shade(count):
    """Percent of colour: by the logarithm, since classes differ by a factor of a thousand."""
    return 0 if not count else round(min(20 * np.log10(1 + count), 80))


def _sizes(usable):
    rows = []
    for name, own in usable.groupby("dataset"):
        sizes = own.groupby(["width", "height"]).size().sort_values(ascending=False)
        common = ", ".join(f"{width} × {height} ({n:,})" for (width, height), n in sizes.head(3).items())
        rows.append(
            {
                "dataset": name,
                "images": f"{len(own):,}",
                "sizes": common + (f", {len(sizes) - 3} more" if len(sizes) > 3 else ""),
                "um": ", ".join(f"{um:g}" for um in sorted(own["um_per_px"].dropna().unique())) or "unknown",
                "groups": f"{own['group'].nunique():,}" if own["group"].notna().any() else "unknown",
                "brightness": f"{own['mean_brightness'].mean():.2f} ± {own['mean_brightness'].std(ddof=0):.2f}",
                "luminance": f"{own['mean_luminance'].mean():.2f} ± {own['mean_luminance'].std(ddof=0):.2f}",
            }
        )
    return rows


def _cells(look):
    """Classes in rows: per dataset the mean cell and some examples."""
    datasets = sorted({dataset for dataset, _ in look.means})
    classes = [code for code in CELL_TYPES if any(name == code for _, name in look.means)]
    return [
        {
            "code": code,
            "name": CELL_TYPES[code].name,
            "origins": [
                {
                    "dataset": dataset,
                    "mean": _picture(look.means.get((dataset, code))),
                    "examples": [_picture(image) for image in look.examples.get((dataset, code), ())],
                }
                for dataset in datasets
            ],
        }
        for code in classes
    ]


def _picture(image):
    """A picture as the address of its data; None where there is none."""
    if image is None:
        return None
    data = cv2.imencode(".webp", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, 80])[1]
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _plots(look, usable):
    some = (
        usable[usable["code"].notna()]
        .sample(frac=1, random_state=look.seed)
        .groupby("dataset")
        .head(SHOWN)
        .sort_index()
    )
    axes = "mean brightness", "mean luminance"
    plots = [_plot("brightness", some, some[["mean_brightness", "mean_luminance"]].to_numpy(), "dataset", axes)]
    components, shares = principal_components(look.features)
    maps = {"pca": (components[:, :2], [f"component {i + 1} ({share:.0%})" for i, share in enumerate(shares[:2])])}
    spread = umap_of(components, look.seed)
    if spread is not None:
        maps["umap"] = spread, ("UMAP 1", "UMAP 2")
    for name, (places, titles) in maps.items():
        for by in ("dataset", look.level):
            plots.append(_plot(f"{name}-{'dataset' if by == 'dataset' else 'class'}", look.sample, places, by, titles))
    return [plot for plot in plots if plot]


def _plot(name, rows, places, by, axes):
    """One scatter plot: a trace for each dataset or class."""
    if places.shape[1] < 2:
        return None
    labels = rows[by].to_numpy(str)
    texts = (rows["code"] + " of " + rows["dataset"] + ": " + rows["path"]).to_numpy(str)
    order = [code for code in CELL_TYPES if code in labels] if by != "dataset" else sorted(set(labels))
    traces = []
    for label in order:
        own = labels == label
        traces.append(
            {
                "name": label,
                "x": places[own, 0].round(3).tolist(),
                "y": places[own, 1].round(3).tolist(),
                "text": texts[own].tolist(),
            }
        )
    return {"name": name, "axes": list(axes), "traces": traces}
