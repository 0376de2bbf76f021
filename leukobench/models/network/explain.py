"""Grad-CAM: where in a crop a fine-tuned network sees the class that it names."""

import cv2
import numpy as np
from sklearn.utils.validation import check_is_fitted

from leukobench.errors import UsageError
from leukobench.models.backbones import import_deep
from leukobench.models.inference import torch_threads
from leukobench.models.network.exported import Exported
from leukobench.models.pipeline import threads

SIDE = 224  # px of a crop in a picture
OPACITY = 0.6  # of the map where it is 1
MARGIN = 1.5  # side of what is shown over that of the cell, so that its neighbours' rims show, too
CAPTION = 24  # px of the line below
BATCH = 64  # crops at a time
BAR = 44  # px of the colour bar and its numbers, to the right


def grad_cam(classifier, X, classes=None):
    """Heat maps of what speaks for a class, averaged as the probabilities are: over mirror images, and over members.

    The last feature map of the backbone, each channel weighted by the mean slope of the class's logit over it, and
    what is above zero of their sum. Slopes are taken at the map, so that frozen weights do not matter, and the
    classifier stays as it is. The map of MobileNetV2 has 4 x 4 places on a crop of 112 px: it tells a nucleus from a
    neighbour, not a granule from the next.

    Parameters
    ----------
    classifier : NetworkClassifier or NetworkEnsemble
        Fitted.
    X : array-like of shape (n, side * side * 3)
        Rows of `leukobench.preparation.crops.crop_rows`.
    classes : label, array-like of shape (n,) or None, default None
        The class that each map is for, one for all or one per row; None is the one that is predicted.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        From 0 to 1, the strongest place of each map; all 0 where nothing speaks for the class. `size` is the
        classifier's `size_`: the maps fit the crops of its `field_of`.

    Raises
    ------
    UsageError
        Where the backbone has no feature map behind which everything passes, as vision transformers have none; and of a
        network from a file, where more than a mean and one layer follow the map.
    ValueError
        Where a class is unknown to the classifier.

    References
    ----------
    R. R. Selvaraju et al., Grad-CAM, ICCV 2017, doi 10.1109/ICCV.2017.74.

    Examples
    --------
    >>> from leukobench.models.network.classifier import NetworkClassifier
    >>> X = np.repeat([[30], [220]], 20, 0) + np.zeros((1, 3 * 32 * 32))
    >>> model = NetworkClassifier("lenet", epochs=1).fit(X, np.repeat(["LY", "NE"], 20))
    >>> grad_cam(model, X[:2], "NE").shape
    (2, 32, 32)
    """
    check_is_fitted(classifier)
    crops = classifier.field_of(X)
    chosen = classifier.predict(X) if classes is None else np.broadcast_to(classes, len(crops))
    unknown = set(chosen.tolist()) - set(classifier.classes_.tolist())
    if unknown:
        raise ValueError(f"{min(unknown, key=str)!r} is none of the classes {classifier.classes_.tolist()}")
    columns = np.searchsorted(classifier.classes_, chosen)
    total = 0.0
    for member in getattr(classifier, "estimators_", [classifier]):
        module = member.network_for(crops)
        maps_of = module.class_maps if isinstance(module, Exported) else _maps_of(module, crops[:1])
        for down, right in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            total = total + maps_of(crops[:, ::down, ::right], columns)[:, ::down, ::right]
    maps = np.stack([cv2.resize(each, (classifier.size_,) * 2, interpolation=cv2.INTER_LINEAR) for each in total])
    peaks = maps.max((1, 2), keepdims=True)
    return np.divide(maps, peaks, out=np.zeros_like(maps), where=peaks > 0)


def around(mask):
    """The square around a cell and a margin of it.

    Parameters
    ----------
    mask : array, shape (size, size)
        Above 0 where the cell is.

    Returns
    -------
    tuple of two slices
        All of the picture where it shows no cell.

    Examples
    --------
    >>> mask = np.zeros((112, 112))
    >>> mask[40:60, 50:80] = 1
    >>> around(mask)
    (slice(27, 72, None), slice(42, 87, None))
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return slice(0, len(mask)), slice(0, len(mask))
    ends = [(each.min(), each.max() + 1) for each in (rows, columns)]
    side = min(round(MARGIN * max(stop - start for start, stop in ends)), len(mask))
    starts = [min(max((start + stop - side) // 2, 0), len(mask) - side) for start, stop in ends]
    return tuple(slice(int(start), int(start) + side) for start in starts)


def overlay(crop, heat, caption=""):
    """A crop, beside it the same with a heat map laid over, and what its colours mean.

    Parameters
    ----------
    crop : uint8 array, shape (size, size, 3)
        RGB.
    heat : float array, shape (size, size)
        From 0 to 1, of `grad_cam`. Where it is 0 the crop shows as it is.
    caption : str, default ""
        A line below, in ASCII.

    Returns
    -------
    uint8 array, shape (248, 492, 3)
        RGB.

    Examples
    --------
    >>> overlay(np.full((32, 32, 3), 255, np.uint8), np.eye(32), "NE .97").shape
    (248, 492, 3)
    """
    crop = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    heat = cv2.resize(np.float32(heat), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(np.uint8(255 * heat), cv2.COLORMAP_TURBO)[..., ::-1]
    share = OPACITY * heat[..., None]
    laid = np.uint8(np.rint((1 - share) * crop + share * colours))
    line = np.full((CAPTION, 2 * SIDE + BAR, 3), 255, np.uint8)
    cv2.putText(line, caption, (4, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([np.concatenate([crop, laid, _colour_bar()], 1), line])


def _colour_bar():
    """From 1, the strongest place of a map, down to 0."""
    scale = np.linspace(255, 0, SIDE - 16).astype(np.uint8)[:, None]
    bar = np.full((SIDE, BAR, 3), 255, np.uint8)
    bar[8:-8, 6:18] = cv2.applyColorMap(scale, cv2.COLORMAP_TURBO)[..., ::-1]
    for text, y in (("1", 18), ("0", SIDE - 8)):
        cv2.putText(bar, text, (24, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return bar


def last_map(module, crops):
    """Where a network's last square feature map comes from.

    Parameters
    ----------
    module : torch.nn.Module
    crops : uint8 array, shape (n, size, size, 3)

    Returns
    -------
    torch.nn.Module, int
        The module of the backbone that gives it, and at which of its calls it does so.

    Raises
    ------
    UsageError
        Where it has none.
    """
    torch = import_deep("torch")
    calls, found = {}, []

    def see(each, inputs, output):
        calls[each] = calls.get(each, 0) + 1
        if torch.is_tensor(output) and output.ndim == 4 and output.shape[2] == output.shape[3] > 1:
            found.append((each, calls[each]))
        elif torch.is_tensor(output) and output.ndim == 3:
            found.append(None)  # tokens: what went before is no map of what is classified

    hooks = [each.register_forward_hook(see) for each in module.backbone.modules()]
    try:
        with torch.no_grad():
            module(torch.from_numpy(crops))
    finally:
        for hook in hooks:
            hook.remove()
    if not found or found[-1] is None:
        raise UsageError("this backbone has no last feature map for Grad-CAM", "take a convolutional network")
    return found[-1]


def _maps_of(module, crops):
    """The function from crops and the column of a class for each to unscaled maps (n, h, w), for a network of torch."""
    torch, place = import_deep("torch"), last_map(module, crops)

    def maps_of(crops, columns):
        parts = []
        for start in range(0, len(crops), BATCH):
            batch, chosen = (np.ascontiguousarray(each[start : start + BATCH]) for each in (crops, columns))
            kept, weights = channel_weights(module, place, torch.from_numpy(batch), torch.from_numpy(chosen))
            parts.append(np.maximum(np.einsum("nc,nchw->nhw", weights, kept), 0))
        return np.concatenate(parts)

    return maps_of


def channel_weights(module, place, images, columns):
    """The map of some images, and the mean slope of a class's logit over each of its channels.

    Parameters
    ----------
    module : torch.nn.Module
    place : torch.nn.Module, int
        Of `last_map`.
    images : uint8 tensor, shape (n, size, size, 3)
    columns : int tensor, shape (n,)
        The class of each.

    Returns
    -------
    float32 arrays, shapes (n, channels, h, w) and (n, channels)
    """
    torch = import_deep("torch")
    (layer, left), kept = place, []

    def hold(each, inputs, output):
        nonlocal left
        left -= 1
        if left:
            return output
        kept.append(output.detach().requires_grad_())
        torch.set_grad_enabled(True)  # from here on only: what comes before needs no slopes
        return kept[0].clone()  # a copy, as what follows may work in place

    hook = layer.register_forward_hook(hold)
    try:
        with torch.no_grad(), torch_threads(threads()):
            logits, _ = module(images)
            score = logits.gather(1, columns[:, None]).sum()
            (slopes,) = torch.autograd.grad(score, kept)
    finally:
        hook.remove()
    return kept[0].detach().float().numpy(), slopes.mean((2, 3)).float().numpy()
