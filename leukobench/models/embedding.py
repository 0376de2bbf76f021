"""Deep embeddings: a frozen network as a scikit-learn transformer."""

from numbers import Integral, Real

import cv2
import numpy as np

from leukobench.devices import array_library, lies_on_device
from leukobench.errors import UsageError, unknown
from leukobench.imaging.check import check_images
from leukobench.imaging.crop import centre_crop
from leukobench.imaging.scale import check_um_per_px
from leukobench.models.backbones import get_backbone
from leukobench.models.device_crops import crop_fields
from leukobench.models.inference import embedder
from leukobench.preparation.transformer import ImageTransformer
from leukobench.segmentation.canvases import canvases

EMBEDDING_VERSION = "1"
DEVICE_BATCH = 64  # images that a CUDA device embeds at a time, at least, where they lie there
FIELD_OF_VIEW_UM = 20.0  # the largest leukocytes just fit; within Barcelona 36, 25 and 20 give .94, .96 and .97

SETTINGS = (("batch_size", Integral, 2**16), ("input_size", Integral, 2**13), ("field_of_view_um", Real, 1000))
"""Parameters of `CNNEmbedding` that are numbers: what they are, and the most that they can be."""

TTA = {
    "none": lambda images: [images],
    "flips": lambda images: [images[:, ::down, ::right] for down in (1, -1) for right in (1, -1)],
    "dihedral": lambda images: [
        np.rot90(flipped, turns, (1, 2)) for flipped in (images, images[:, :, ::-1]) for turns in range(4)
    ],
}
"""Test-time augmentation: images (n, size, size, 3) to the pictures whose vectors are averaged."""


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

    Raises
    ------
    UsageError
        Where `um_per_px` is no pixel size.

    Examples
    --------
    >>> crop_field(np.zeros((360, 363, 3), np.uint8), 224, um_per_px=0.1).shape
    (224, 224, 3)
    """
    side = _side(image.shape, check_um_per_px(um_per_px, 1)[0], field_of_view_um)
    cut = centre_crop(image, side, fill=None)
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def _side(shape, um_per_px, field_of_view_um):
    """Of the square that is cut from an image, in px."""
    return min(shape[:2]) if np.isnan(um_per_px) else max(1, round(field_of_view_um / um_per_px))


def seen_vectors(seen, embedding, view):
    """Vectors of images and of their augmented copies, as a view shows them.

    Parameters
    ----------
    seen : leukobench.preparation.views.Seen
        Of `leukobench.preparation.views.apply_view`.
    embedding : CNNEmbedding
    view : leukobench.preparation.views.View
        That they were brought to.

    Returns
    -------
    float32 array of shape (n, 1 + copies, dim)
        The image itself first.
    """
    pictures, scales = seen.pictures, seen.um_per_px
    if view.um_per_px is not None:  # a cell of unknown scale was brought to a typical size, as if at the view's scale
        scales = [view.um_per_px if np.isnan(scale) else scale for scale in scales]
        sides = [round(embedding.field_of_view_um / scale) for scale in scales]
        pictures = [centre_crop(picture, side) for picture, side in zip(pictures, sides, strict=True)]
    vectors = np.asarray(embedding.transform(pictures, um_per_px=scales))
    return vectors.reshape(len(pictures) // (1 + view.copies), 1 + view.copies, -1)


class CNNEmbedding(ImageTransformer):
    """Turn images into the vectors of a frozen, pretrained network.

    Nothing is learnt from the images: `fit` only checks the parameters.

    Parameters
    ----------
    backbone : str, default "mobilenet_v2"
        Name that `leukobench.models.backbones.get_backbone` knows.
    pooling : {"last", "multi_stage"}, default "last"
        "multi_stage" puts the means of the feature maps of the stages that the card names in front of the vector.
    tta : {"none", "flips", "dihedral"}, default "none"
        Test-time augmentation: the mean of the vectors over the image's flips, or over all its flips and quarter turns.
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
        Threads on the CPU; None is the limit of this process, which is one per core where there is none.

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
        pooling="last",
        tta="none",
        field_of_view_um=FIELD_OF_VIEW_UM,
        input_size=None,
        batch_size=4,
        device="auto",
        runtime="auto",
        threads=None,
    ):
        self.backbone = backbone
        self.pooling = pooling
        self.tta = tta
        self.field_of_view_um = field_of_view_um
        self.input_size = input_size
        self.batch_size = batch_size
        self.device = device
        self.runtime = runtime
        self.threads = threads

    def fit(self, X, y=None):
        """Check the parameters; there is nothing to learn.

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
            Where the backbone or the augmentation is unknown, the backbone's card names no stages, or a number is none
            of `SETTINGS`.
        """
        get_backbone(self.backbone).length(self.pooling)
        if self.tta not in TTA:
            raise unknown("test-time augmentation", self.tta, TTA)
        for name, kind, most in SETTINGS:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, kind) and 0 < value <= most):
                raise UsageError(f"{name} = {value!r}", f"it is a {kind.__name__.lower()} number above 0, up to {most}")
        return self

    def transform(self, X, *, um_per_px=None):
        """Embed the images.

        Parameters
        ----------
        X : sequence of uint8 arrays of shape (H, W, 3)
            RGB images of any sizes, of the host or, where torch embeds them, of a CUDA device.
        um_per_px : float, sequence of float or None, default None
            Pixel size, of all images or of each; None and NaN are unknown (see `crop_field`).

        Returns
        -------
        float32 array of shape (n, dim)
            One row per image; a DataFrame after `set_output(transform="pandas")`.

        Raises
        ------
        UsageError
            Where the backbone is unknown, a library or the weights are missing, an image is no RGB array of 8 bits, a
            pixel size is none, or the network gives NaN.
        """
        self.fit(X)
        card, images = get_backbone(self.backbone), list(X)
        there = bool(images) and lies_on_device(images[0])
        arrays = array_library("cuda" if there else "cpu")
        images = check_images(map(arrays.as_its_own, images), kind=arrays.xp.ndarray)
        scales = check_um_per_px(um_per_px, len(images))
        size = self.input_size or card.input_size
        vectors = np.empty((len(images), card.length(self.pooling)), np.float32)
        if images:
            device = "cuda" if there else self.device
            embed = embedder(card, size, device, self.runtime, self.threads, self.pooling)
        for rows, crops in (self._crops_there if there else self._crops)(arrays, images, scales, size):
            vectors[rows] = np.mean([embed(seen) for seen in TTA[self.tta](crops)], axis=0)
        strange = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(strange):
            raise UsageError(
                f"{self.backbone} gives values that are not finite for image {strange[0]}", "take another backbone"
            )
        return vectors

    def _crops(self, arrays, images, scales, size):
        """Numbers and crops of a batch of images, batch by batch."""
        for start in range(0, len(images), self.batch_size):
            rows = range(start, min(start + self.batch_size, len(images)))
            yield rows, np.stack([crop_field(images[i], size, scales[i], self.field_of_view_um) for i in rows])

    def _crops_there(self, arrays, images, scales, size):
        """The same of images on a device, whose memory their crops do not leave."""
        for numbers, canvas, shapes in canvases(arrays, images):
            sides = [
                _side(shape, scales[i], self.field_of_view_um)
                for i, shape in zip(numbers, shapes.tolist(), strict=True)
            ]
            crops = crop_fields(arrays, canvas, shapes, sides, size)
            for start in range(0, len(numbers), max(self.batch_size, DEVICE_BATCH)):
                part = slice(start, start + max(self.batch_size, DEVICE_BATCH))
                yield numbers[part], crops[part]

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
        length = get_backbone(self.backbone).length(self.pooling)
        return np.array([f"{self.backbone}_{i:04d}" for i in range(length)], dtype=object)
