"""Label suspects: cells that models contradict with confidence, whether trained beside them or elsewhere."""

import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from leukobench.audit.finding import Finding
from leukobench.features import HandcraftedFeatures
from leukobench.imaging.io import read_image
from leukobench.inputs import locate

FOLDS = 5
AT_MOST = 20  # suspects of one dataset, as a person has to look at each
FEW = 10  # images of a class below which nobody can say how sure a model is of it
BATCH = 64  # images that are held at once


def find_suspects(root, index, level="L5", progress=None):
    """Find cells whose label a model contradicts with confidence.

    Two models answer for each cell, both without having seen it: one of the other images of its dataset (five folds,
    groups kept together) and one of all other datasets. A cell is a suspect where both name the same other class, each
    with at least the probability that cells which are labelled so have on average, as confident learning has it
    (Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125). With one dataset the first answers alone.

    Parameters
    ----------
    root : str or Path
        The data root.
    index : pandas.DataFrame
        Of `leukobench.datasets.build_index`.
    level : {"L5", "L8", "L11", "L15"}, default "L5"
        The classes.
    progress : callable, optional
        Called as `progress(done, total)` while features are computed.

    Returns
    -------
    list of Finding
        One per dataset with suspects, the surest first, at most `AT_MOST` files each.

    Raises
    ------
    ImageError
        An image cannot be read any more.
    """
    rows = index[(index["status"] == "ok") & index[level].notna()].reset_index(drop=True)
    common = rows.groupby(["dataset", level])["path"].transform("size") >= FEW
    rows = rows[common].reset_index(drop=True)
    if rows.empty:
        return []
    features = _features(root, rows, progress)
    found = []
    for dataset, own in rows.groupby("dataset"):
        if own[level].nunique() > 1:
            found += _suspects_of(dataset, own, rows, features, level)
    return found


def _features(root, rows, progress):
    """Features of all rows at one scale, so that a model of other laboratories has something to say."""
    describe = HandcraftedFeatures(view="canonical").fit([])
    tables = []
    for start in range(0, len(rows), BATCH):
        batch = rows.iloc[start : start + BATCH]
        images = [read_image(locate(root, path)) for path in batch["path"]]
        tables.append(np.asarray(describe.transform(images, um_per_px=batch["um_per_px"].to_numpy(float))))
        if progress:
            progress(start + len(batch), len(rows))
    return np.concatenate(tables)


def _suspects_of(dataset, own, rows, features, level):
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        ExtraTreesClassifier(300, class_weight="balanced", random_state=0),
    )
    labels, at = own[level].to_numpy(str), own.index.to_numpy()
    classes = np.unique(labels)
    groups = own["group"].fillna(own["same_cell"]).fillna(own["path"]).to_numpy(str)
    with warnings.catch_warnings():  # a class in fewer groups than folds is judged by the other datasets alone
        warnings.filterwarnings("ignore", message="(The least populated class|Number of classes in training fold)")
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
        answers = [cross_val_predict(model, features[at], labels, groups=groups, cv=folds, method="predict_proba")]
    others = rows.index[(rows["dataset"] != dataset) & rows[level].isin(classes)].to_numpy()
    if set(classes) == set(rows.loc[others, level]):
        answers.append(model.fit(features[others], rows.loc[others, level]).predict_proba(features[at]))
    mean = np.mean(answers, axis=0)
    given, says, rank = np.searchsorted(classes, labels), mean.argmax(axis=1), np.arange(len(own))
    suspect = says != given
    for answer in answers:
        usual = np.array([answer[given == k, k].mean() for k in range(len(classes))])
        suspect &= (answer.argmax(axis=1) == says) & (answer[rank, says] >= usual[says])
    margin = np.where(suspect, mean[rank, says] - mean[rank, given], -np.inf)
    first = np.argsort(-margin, kind="stable")[: min(AT_MOST, int(suspect.sum()))]
    if not len(first):
        return []
    words = pd.Series([f"{labels[k]} that look {classes[says[k]]}" for k in first]).value_counts()
    said = ", ".join(f"{n} {what}" for what, n in words.items())
    sentence = (
        f"models that never saw them contradict {int(suspect.sum())} of {len(own)} labels with confidence: {said}"
    )
    return [Finding("look", "label suspect", dataset, sentence, tuple(own["path"].iloc[first]))]
