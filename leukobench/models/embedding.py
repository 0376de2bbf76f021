"""Deep embeddings: a frozen network as a scikit-learn transformer, and the heads that stand on it."""

from difflib import get_close_matches

import cv2
import numpy as np
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from leukobench.errors import UsageError
from leukobench.models.backbones import BACKBONES
from leukobench.models.classical import build_logistic_regression
from leukobench.models.inference import embedder
from leukobench.models.pipeline import scaled
from leukobench.models.recipe import Recipe
from leukobench.models.svm import PairwiseSVC

EMBEDDING_VERSION = "1"
FIELD_OF_VIEW_UM = 20.0  # the largest leukocytes just fit; within Barcelona 36, 25 and 20 give .94, .96 and .97


def get_backbone(name):
    """Look up the card of a backbone.

    Parameters
    ----------
    name : str
        Such as "mobilenet_v2".

    Returns
    -------
    leukobench.models.backbones.Backbone
        The card.

    Raises
    ------
    UsageError
        Where there is no such backbone; the hint names the nearest one.

    Examples
    --------
    >>> get_backbone("mobilenet_v2").dim
    1280
    """
    if name in BACKBONES:
        return BACKBONES[name]
    near = get_close_matches(name, BACKBONES, n=1)
    raise UsageError(
        f"unknown backbone '{name}'", f"did you mean '{near[0]}'?" if near else f"known: {', '.join(BACKBONES)}"
    )


def crop_field(image, size, um_per_px=None, field_of_view_um=FIELD_OF_VIEW_UM):
    """Cut one physical field of view around the centre of an image and bring it to the network's size.

    Parameters
    ----------
    image : uint8 array of shape (H, W, 3)
        RGB image.
    size : int
        Side of the result, in pixels.
    um_per_px : float or None, default None
        Pixel size; None or NaN is unknown, and then the largest centred square is cut.
    field_of_view_um : float, default 20.0
        Side of the field, in micrometres. Where the image is smaller than the field it is continued by its mirror
        image, so that the border has the colours of the smear.

    Returns
    -------
    uint8 array of shape (size, size, 3)
        Averaged over areas where it shrinks, cubic where it grows.

    Examples
    --------
    >>> crop_field(np.zeros((360, 363, 3), np.uint8), 224, um_per_px=0.1).shape
    (224, 224, 3)
    """
    height, width = image.shape[:2]
    known = um_per_px is not None and np.isfinite(um_per_px)
    side = max(1, round(field_of_view_um / um_per_px)) if known else min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = image[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
    if min(top, left) < 0:
        bottom, right = side - cut.shape[0] - max(-top, 0), side - cut.shape[1] - max(-left, 0)
        cut = cv2.copyMakeBorder(cut, max(-top, 0), bottom, max(-left, 0), right, cv2.BORDER_REFLECT)
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


class CNNEmbedding(TransformerMixin, BaseEstimator):
    """Turn images into the vectors of a frozen, pretrained network.

    Nothing is learnt from the images: `fit` only checks the parameters.

    Parameters
    ----------
    backbone : str, default "mobilenet_v2"
        Name of a card in `leukobench.models.backbones.BACKBONES`.
    field_of_view_um : float, default 20.0
        Side of the centred square that the network sees, in micrometres, where the pixel size is known.
    input_size : int or None, default None
        Side of the network's input in pixels; None is the card's.
    batch_size : int, default 4
        Images per pass; 4 is the fastest on two cores, a CUDA device wants 64 or more.
    device : {"auto", "cpu", "cuda"}, default "auto"
        "auto" is CUDA where torch has it.
    runtime : {"auto", "onnx", "torch"}, default "auto"
        What runs the network; "auto" is ONNX Runtime on the CPU and torch on CUDA (half precision).
    threads : int or None, default None
        Threads on the CPU; None is one per core.

    Examples
    --------
    >>> from leukobench.models.embedding import CNNEmbedding
    >>> CNNEmbedding("mobilenet_v2").get_feature_names_out()[:2]
    array(['mobilenet_v2_0000', 'mobilenet_v2_0001'], dtype=object)
    """

    def __init__(
        self,
        backbone="mobilenet_v2",
        *,
        field_of_view_um=FIELD_OF_VIEW_UM,
        input_size=None,
        batch_size=4,
        device="auto",
        runtime="auto",
        threads=None,
    ):
        self.backbone = backbone
        self.field_of_view_um = field_of_view_um
        self.input_size = input_size
        self.batch_size = batch_size
        self.device = device
        self.runtime = runtime
        self.threads = threads

    def fit(self, X, y=None):
        """Check the backbone's name; there is nothing to learn.

        Parameters
        ----------
        X : sequence of uint8 arrays of shape (H, W, 3)
            RGB images.
        y : ignored

        Returns
        -------
        CNNEmbedding
            The transformer itself.

        Raises
        ------
        UsageError
            Where the backbone is unknown.
        """
        get_backbone(self.backbone)
        return self

    def transform(self, X, *, um_per_px=None):
        """Embed the images.

        Parameters
        ----------
        X : sequence of uint8 arrays of shape (H, W, 3)
            RGB images of any sizes.
        um_per_px : float, sequence of float or None, default None
            Pixel size, of all images or of each; None and NaN are unknown (see `crop_field`).

        Returns
        -------
        float32 array of shape (n, dim)
            One row per image; a DataFrame after `set_output(transform="pandas")`.

        Raises
        ------
        UsageError
            Where the backbone is unknown, or a library or the weights are missing.
        """
        card = get_backbone(self.backbone)
        size = self.input_size or card.input_size
        scales = np.broadcast_to(np.asarray(um_per_px, dtype=float), len(X))
        vectors = np.empty((len(X), card.dim), np.float32)
        if len(X):
            embed = embedder(card, size, self.device, self.runtime, self.threads)
        for start in range(0, len(X), self.batch_size):
            rows = range(start, min(start + self.batch_size, len(X)))
            vectors[rows] = embed(np.stack([crop_field(X[i], size, scales[i], self.field_of_view_um) for i in rows]))
        return vectors

    def get_feature_names_out(self, input_features=None):
        """Names of the vector's components.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str, shape (dim,)
            "<backbone>_0000" and so on.
        """
        return np.array([f"{self.backbone}_{i:04d}" for i in range(get_backbone(self.backbone).dim)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags


def build_pca_svm(params, seed):
    """A share of the variance instead of a number of components: it holds for a source of any size."""
    svm = {name: value for name, value in params.items() if name != "variance"}
    reduced = PCA(params["variance"], svd_solver="covariance_eigh")
    return scaled(reduced, PairwiseSVC(**svm, random_state=seed))


_HEADS = {
    "logistic_regression": {
        "build": build_logistic_regression,
        "space": {"C": FloatDistribution(1e-4, 1, log=True)},
        "defaults": {"C": 0.01},
        "description": "Multinomial logistic regression on a frozen {}.",
    },
    "svm_rbf": {
        "build": build_pca_svm,
        "space": {
            "variance": FloatDistribution(0.6, 0.98),
            "C": FloatDistribution(0.1, 300, log=True),
            "gamma": FloatDistribution(1e-5, 3e-3, log=True),
        },
        "defaults": {"variance": 0.9, "C": 10.0, "gamma": 3e-4},
        "cost": "medium",
        "description": "Principal components and a Gaussian support vector machine on a frozen {}.",
    },
}
RECIPES = tuple(
    Recipe(
        **{**row, "description": row["description"].format(card.name)},
        name=f"{card.name}+{head}",
        family="embedding",
        representation=f"embedding:{card.name}",
        source=card.source,
    )
    for card in BACKBONES.values()
    for head, row in _HEADS.items()
)
