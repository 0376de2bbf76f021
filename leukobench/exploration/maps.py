"""Features in two dimensions: their principal components, and UMAP where it is installed."""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COMPONENTS = 30  # principal components that UMAP reads
NEIGHBOURS = 15


def principal_components(features, count=COMPONENTS):
    """Principal components of standardised features.

    Parameters
    ----------
    features : DataFrame, shape (n, p)
        NaN is the median of its column.
    count : int, default 30

    Returns
    -------
    components : ndarray, shape (n, k)
        No more than images and features allow.
    shares : ndarray, shape (k,)
        Of the variance.
    """
    k = min(count, *features.shape)
    values = features.loc[:, features.notna().any()].to_numpy(float)
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), PCA(k, svd_solver="full"))
    components = pipeline.fit_transform(values)
    return components, pipeline[-1].explained_variance_ratio_


def umap_of(components, seed=0):
    """UMAP of principal components.

    Parameters
    ----------
    components : ndarray, shape (n, k)
    seed : int, default 0

    Returns
    -------
    ndarray, shape (n, 2), or None
        None where umap-learn is not installed, or there are too few images for its neighbours.

    References
    ----------
    McInnes, Healy and Melville, UMAP: uniform manifold approximation and projection, arXiv 1802.03426.
    """
    if len(components) <= NEIGHBOURS:
        return None
    try:
        from umap import UMAP
    except ImportError:
        return None
    with warnings.catch_warnings():  # that a seed costs the use of several cores
        warnings.filterwarnings("ignore", message="n_jobs value")
        return np.asarray(UMAP(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1).fit_transform(components), float)
