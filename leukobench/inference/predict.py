"""A laboratory's own images, predicted by a trained model that says where it is not to be trusted."""

import numpy as np
import pandas as pd
from scipy.stats import entropy
from threadpoolctl import threadpool_limits

from leukobench.datasets.taxonomy import strangers
from leukobench.errors import UsageError
from leukobench.features.looks import SCALES
from leukobench.inference.trained import LOOKS, represent
from leukobench.inference.trust import COLUMNS
from leukobench.models import get_model

UNSURE = "unsure"


def predict_images(trained, images, folder, *, jobs=1, pool=None, device="auto", cache=None, progress):
    """Predict images; a transductive model looks at all of them together.

    Parameters
    ----------
    trained : TrainedModel
    images : pandas.DataFrame
    folder : path-like
        Both of `leukobench.inference.reading.read_images`.
    jobs, pool, device, cache, progress
        As in `train_model`.

    Returns
    -------
    pandas.DataFrame
        One row per file: file; class, which is `unsure` where the answer is not to be trusted, and then `why`;
        likeliest (the class of the highest probability, whether sure or not); probability, entropy (natural logarithm,
        0 to log k) and one column `p_<class>` for each of the k classes of the head, calibrated on held-out cells of
        the sources; quality (of the segmentation, 0 to 1), brightness (mean grey value, 0 to 1), distance (from the
        cells that were trained on, as a share of what is usual there), sharpness, diameter_um and how the scale is
        known; synthetic (whether the model or the image is) and error. A file that cannot be read, or has changed since
        `read_images`, has an error and no class.

    Raises
    ------
    UsageError
        Where no file is left, the model reads another number of columns, or gives something that is no probability.
    """
    lost = {}
    asked = images[images["error"] == ""].assign(condition="")
    names = [get_model(trained.model).representation, LOOKS]
    told = {"jobs": jobs, "pool": pool, "device": device, "cache": cache, "progress": progress, "lost": lost}
    rows, looks = represent(names, asked, folder, **told)
    gone = images["path"].isin(lost)
    errors = images["error"].where(~gone, images["path"].map(lambda path: f"changed: {lost.get(path)}"))
    progress.stage("prediction", 1)
    try:
        with threadpool_limits(1):
            said = trained.fitted.predict_proba(rows, trained.head)
    except ValueError as error:  # of a model from a file, whose numbers are those of whoever made it
        raise UsageError(f"{trained.model} cannot predict these images: {error}", "train it again") from error
    answers = _answers(trained, said, pd.DataFrame(looks, columns=COLUMNS))
    progress.advance(1)
    table = pd.DataFrame({"file": images["path"]})
    answers.index = table.index[errors == ""]
    table = table.join(answers)
    words = ["class", "why", "likeliest", "scale"]
    table[words] = table[words].astype(object).fillna("")
    return table.assign(synthetic=images["synthetic"] | trained.synthetic, error=errors)


def _answers(trained, said, looks):
    """What is said of the images that can be read, one row each."""
    trust, head = trained.trust, np.array(trained.head)
    probabilities = trust.calibrate(said)
    distance, _ = trust.nearest(looks)
    why = trust.judge(looks, distance, probabilities, trained.head)
    likeliest = head[probabilities.argmax(axis=1)]
    return pd.DataFrame(
        {
            "class": np.where(np.array(why) == "", likeliest, UNSURE),
            "why": why,
            "likeliest": likeliest,
            "probability": probabilities.max(axis=1),
            "entropy": entropy(probabilities, axis=1),
            **{f"p_{name}": column for name, column in zip(trained.head, probabilities.T, strict=True)},
            "quality": looks["quality"],
            "brightness": looks["brightness"],
            "distance": distance / trust.limits.get("distance", 1.0),
            "sharpness": np.exp(looks["sharpness"]),
            "diameter_um": np.exp(looks["size"]),
            "scale": [SCALES[int(each)] for each in looks["scale"]],
        }
    )


def notes(trained, images, table):
    """What must be known to judge a model's predictions, one sentence each.

    Parameters
    ----------
    trained : TrainedModel
    images : pandas.DataFrame
        Of `read_images`.
    table : pandas.DataFrame
        Of `predict_images`.

    Returns
    -------
    list of str
    """
    recipe = get_model(trained.model)
    n, own = int((images["error"] == "").sum()), int(images["sha256"].isin(trained.images).sum())
    rare = ", ".join(f"{name} ({count})" for name, count in trained.left_out.items())
    guessed = int((table["scale"] == "estimated").sum())
    strange = ", ".join(strangers({*trained.head, *trained.left_out}, trained.level))
    said = [
        (trained.synthetic, f"SYNTHETIC: {trained.model} was trained on rendered cells"),
        (images["synthetic"].any(), "SYNTHETIC: the images are rendered cells"),
        (rare, f"never predicted, as {' and '.join(trained.sources)} has too few images of it: {rare}"),
        (
            strange,
            f"it knows {', '.join(trained.head)} alone, and may be sure that a cell of another kind is one of them "
            f"({strange})",
        ),
        (
            recipe.transductive,
            f"{recipe.name} is transductive: it looks at all {n} images together, so that what it says of one depends "
            "on the others",
        ),
        (
            recipe.contamination,
            f"contaminated: the weights of {recipe.name} have seen images of {', '.join(recipe.contamination)} in "
            "their pretraining, and do better on these than on others",
        ),
        (own, f"{own} of the files were trained on: what is said of them says nothing of others"),
        (
            images["um_per_px"].isna().any(),
            f"no pixel size was given (--um-per-px): it could be estimated from red cells in {guessed} images; the "
            "size of the other cells is not checked, and models without a view measure all of them in pixels",
        ),
    ]
    return [text for holds, text in said if holds]
