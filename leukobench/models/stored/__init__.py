"""Fitted estimators as bytes, and back without running anything that lies in them."""

import io
import json
import math
import re
import warnings
import zipfile
from unittest import mock

import numpy as np
import scipy.special
import sklearn.utils
from sklearn.base import BaseEstimator

from leukobench.models.ensemble import Ensemble
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.pipeline import takes_gaps
from leukobench.models.soundness import MOST_COLUMNS, check_sound, ensure, parts_of, whole
from leukobench.models.stored.archive import MIB, MOST_BYTES, most_unpacked, open_archive, read_member
from leukobench.models.stored.forests import packed_forests, unpack_forests
from leukobench.models.stored.schema import TRUSTED, copy_schema
from leukobench.models.transductive import LEAST_IMAGES

# When it is imported skops lists all of scikit-learn's estimators, for which that imports torch and Dask, and looks for
# the home of each function of NumPy and SciPy: seconds, and for nothing, as what a file may ask for is listed here.
with (
    mock.patch.object(sklearn.utils, "all_estimators", list),
    mock.patch.object(np, "__dir__", list),
    mock.patch.object(scipy.special, "__dir__", list, create=True),
):
    import skops.io

SCHEMA, PROTOCOL = "schema.json", 2  # of skops; another protocol may mean something else by the same nodes
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
MOST_MEMBERS, MOST_SCHEMA, MOST_NODES = 50_000, 48 * MIB, 2_000_000  # a list of three bytes takes sixty when it is read
IGNORED = ("n_jobs",)  # parameters that change no number

__all__ = ["MOST_BYTES", "dump_estimator", "load_estimator", "open_archive", "read_member"]


def dump_estimator(estimator):
    """The bytes of a fitted estimator, as skops writes it, with a schema of half the size; of the same the same bytes.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        Where it is made of something that `load_estimator` would refuse.

    Examples
    --------
    >>> from leukobench.models import get_model
    >>> recipe = get_model("prior")
    >>> kept = dump_estimator(recipe.build({}, 0).fit([[0.0], [1.0], [2.0]], [0, 1, 1]))
    >>> load_estimator(kept, recipe.build({}, 0)).predict_proba([[5.0]]).round(2).tolist()
    [[0.33, 0.67]]
    """
    with packed_forests(estimator):
        dumped = skops.io.dumps(estimator)
    with zipfile.ZipFile(io.BytesIO(dumped)) as written:
        members = {name: written.read(name) for name in written.namelist()}
    schema = json.loads(members.pop(SCHEMA), object_hook=_without_id)
    text = json.dumps(schema, separators=(",", ":"))
    # by their order in place of addresses in memory: the same estimator gives the same bytes. What is there
    # twice is kept once: a vote lists its members by name, too.
    kept = {}
    numbered = {
        name: kept.setdefault(members[name], f"{len(kept)}.npy")
        for name in sorted(members, key=lambda name: text.find(f'"{name}"'))
    }
    members = {name: content for content, name in kept.items()}
    members[SCHEMA] = re.sub(r'"file":"([^"]+)"', lambda found: f'"file":"{numbered[found[1]]}"', text)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    with open_archive(io.BytesIO(content), MOST_MEMBERS) as archive:
        _checked(archive, _networks(estimator), most_unpacked(len(content)))
    return content


def load_estimator(content, like):
    """The fitted estimator in some bytes, which may come from anywhere.

    Parameters
    ----------
    content : bytes
        Of `dump_estimator`.
    like : estimator
        The same before it was fitted: class and parameters must be these.

    Returns
    -------
    estimator
        It has predicted some rows of zeros, and one of gaps where it takes them.

    Raises
    ------
    Exception
        Of any kind, where the bytes are something else; ValueError with a sentence where they are so on purpose.
    """
    most = most_unpacked(len(content))
    with warnings.catch_warnings(), open_archive(io.BytesIO(content), MOST_MEMBERS) as archive:
        warnings.simplefilter("ignore")
        estimator = skops.io.load(_checked(archive, _networks(like), most), trusted=TRUSTED)
        unpack_forests(estimator, most)
        check_sound(estimator)
        ensure(_alike(estimator, like), "another estimator, or one with other parameters, than its card says")
        _try(estimator, len(estimator.classes_))
    return estimator


def _try(estimator, classes):
    """Let a model predict some rows of zeros and of gaps; of an ensemble, each member those of its own table."""
    ensure(np.array_equal(estimator.classes_, np.arange(classes)) and classes > 1, "strange classes")
    if isinstance(estimator, Ensemble):
        ensure(len(estimator.estimators_) == len(estimator.estimators), "another number of members")
        for member in estimator.estimators_:
            _try(member, classes)
        return
    rows = np.zeros((LEAST_IMAGES, whole(estimator.n_features_in_, 1, MOST_COLUMNS)))
    if takes_gaps(estimator):
        rows[0] = np.nan
    given = estimator.predict_proba(rows)
    fits = given.shape == (len(rows), classes) and np.allclose(given.sum(axis=1), 1)
    ensure(fits, "a model that gives no probabilities")


def _without_id(node):
    """A node of a schema without the address that it had in memory, which nothing reads."""
    return {name: value for name, value in node.items() if name != "__id__"}


def _networks(estimator):
    return {each.network for each in parts_of(estimator) if isinstance(each, NetworkClassifier)}


def _checked(archive, networks, most):
    """A copy of an archive that holds what its schema names and nothing else, as a file."""
    copy = io.BytesIO()
    unpacked, there = 0, set()

    with zipfile.ZipFile(copy, "w") as file:

        def array(name):
            nonlocal unpacked
            content = read_member(archive, name)
            unpacked += len(content)  # a member that is named again is made again
            ensure(unpacked <= most, f"arrays of more than {most:,} bytes")
            values = _array(content)
            if name not in there:
                file.writestr(name, content)
                there.add(name)
            return values

        text = read_member(archive, SCHEMA, MOST_SCHEMA)
        ensure(text.count(b"{") + text.count(b"[") <= MOST_NODES, f"more than {MOST_NODES:,} nodes")
        schema = json.loads(text)
        ensure(schema.get("protocol") == PROTOCOL, "another version of its format")
        clean = copy_schema(schema, array, networks) | {"protocol": PROTOCOL}
        file.writestr(SCHEMA, json.dumps(clean))
    return copy


def _array(content):
    """The array in the bytes of a .npy file, which must be as long as its header says."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    ensure(version in HEADERS, "an array of another version")
    shape, by_columns, dtype = HEADERS[version](stream)
    ensure(not dtype.hasobject and dtype.itemsize > 0, f"an array of {dtype}")
    ensure(len(content) - stream.tell() == math.prod(shape) * dtype.itemsize, "an array of another length than it says")
    values = np.frombuffer(content, dtype, math.prod(shape), stream.tell())
    return values.reshape(shape, order="F" if by_columns else "C")


def _alike(one, other):
    """Whether two estimators are of one class with the same parameters, at any depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        one, other = _params(one), _params(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other or (one != one and other != other)  # NaN stands for NaN


def _params(estimator):
    return {name: value for name, value in estimator.get_params(deep=False).items() if name not in IGNORED}
