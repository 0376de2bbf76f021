"""A network that is trained on crops, as a scikit-learn classifier."""

from pathlib import Path

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from leukobench.devices import PRECISIONS, array_library, lies_on_device, training_precision
from leukobench.errors import unknown
from leukobench.models.backbones import import_deep
from leukobench.models.device_crops import fields_of_rows
from leukobench.models.embedding import TTA
from leukobench.models.inference import import_exporters, torch_threads
from leukobench.models.likelihood import likeliest
from leukobench.models.network import LENET, LENET_SIDE
from leukobench.models.network.answering import BATCH, batches_of, device_of, logits_of
from leukobench.models.network.augmentation import prepare, shrunk
from leukobench.models.network.draws import BalancedSampler, crops_drawn, split_source
from leukobench.models.network.exported import Exported
from leukobench.models.network.memory import memory_kept
from leukobench.models.pipeline import threads
from leukobench.models.soundness import MOST_CLASSES, whole
from leukobench.models.transductive import check_enough
from leukobench.models.wrapper import Probable
from leukobench.preparation.crops import as_images

SIZE = 112  # px of the network's field: 22.4 um at 0.2 um per px, in which the largest leukocytes just fit
TEMPERATURES = (0.05, 20.0)


class NetworkClassifier(Probable):
    """Fine-tune a pretrained network, or train LeNet, on crops of one or several laboratories.

    AdamW with one cycle of the learning rate on class-balanced draws of augmented crops. One part in ten of the source,
    augmented in the same way, gives the temperature of the probabilities; where it has a hundred images or more, it
    also decides which epoch's weights are kept and when to stop.

    Parameters
    ----------
    network : str, default "mobilenet_v2"
        "lenet" or a backbone that `leukobench.models.backbones.get_backbone` knows.
    epochs : int, default 8
    learning_rate : float, default 1e-3
        Largest of the cycle.
    weight_decay : float, default 0.02
    batch_size : int, default 32
    frozen : float, default 0.17
        Share of the backbone's layers that keep their pretrained weights throughout; they are half of the time.
    norm : {"batch", "fixed", "group"}, default "batch"
        See `leukobench.models.network.architecture.build_network`.
    colour : {"stain", "none", "strong", "worlds"}, default "stain"
        How colours are changed in training, see `leukobench.models.network.augmentation.COLOURS`; "worlds" shows each
        crop in a simulated laboratory of its own, with its colours, optics and crop.
    strength : float, default 1.2
        Factor on all augmentation.
    grey : float, default 0.2
        Probability that a crop loses its colour in training.
    label_smoothing : float, default 0.05
    mixup : float, default 0.0
        Beta parameter of MixUp; 0 is none.
    mixstyle : float, default 0.0
        Probability of MixStyle in a batch.
    coral : float, default 0.0
        Weight of the CORAL loss between laboratories.
    adapt : bool, default False
        Renew the statistics of batch normalisation on the images to predict (AdaBN, transductive).
    device : {"auto", "cpu", "cuda"}, default "auto"
    precision : {"auto", "float32", "bfloat16"}, default "auto"
        What a training multiplies in; "auto" is `leukobench.devices.training_precision` of the device. Weights are
        float32 in either, and so is a prediction on a CPU.
    random_state : int, default 0

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    module_ : torch.nn.Module or Exported
        The trained network, on the CPU; read from a file, its graph, which needs no torch.
    temperature_ : float
        What logits are divided by (Guo 2017, arXiv 1706.04599).
    history_ : list of dict
        Training and validation loss of each epoch.
    size_ : int
        Side of the network's field, in px.
    n_features_in_ : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(rng.integers(0, 256, (2, 1)), 20, 0) + np.zeros((1, 3 * 32 * 32))
    >>> model = NetworkClassifier("lenet", epochs=1).fit(X, np.repeat(["LY", "NE"], 20))
    >>> model.predict_proba(X).shape
    (40, 2)
    """

    def __init__(
        self,
        network="mobilenet_v2",
        *,
        epochs=8,
        learning_rate=1e-3,
        weight_decay=0.02,
        batch_size=32,
        frozen=0.17,
        norm="batch",
        colour="stain",
        strength=1.2,
        grey=0.2,
        label_smoothing=0.05,
        mixup=0.0,
        mixstyle=0.0,
        coral=0.0,
        adapt=False,
        device="auto",
        precision="auto",
        random_state=0,
    ):
        self.network = network
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.frozen = frozen
        self.norm = norm
        self.colour = colour
        self.strength = strength
        self.grey = grey
        self.label_smoothing = label_smoothing
        self.mixup = mixup
        self.mixstyle = mixstyle
        self.coral = coral
        self.adapt = adapt
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X, y, laboratories=None, groups=None, checkpoint=None, keep=False, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, side * side * 3)
            Rows of `leukobench.preparation.crops.crop_rows`: RGB bytes.
        y : array-like of shape (n,)
        laboratories, groups : array-like of shape (n,) or None, default None
            Dataset of each row, and what must stay on one side of the validation split; None is one laboratory, and
            each row by itself.
        checkpoint : path-like or None, default None
            File that is written after each epoch; where it is there, a training with the same data and parameters that
            was killed goes on from it. It is removed at the end.
        keep : bool, default False
            Whether that file stays.
        sample_weight : array-like of float, shape (n,), or None, default None
            How often an image is drawn beside others of its class and laboratory, and what it counts where epochs and
            temperature are chosen; classes are drawn equally often all the same. None is 1 of all.

        Returns
        -------
        NetworkClassifier

        Raises
        ------
        UsageError
            Where skorch, torch or the weights are missing, or the device is not there.
        ValueError
            Where rows are no square images of bytes, what is told of them differs in length, a weight is below zero,
            or y has one class that weighs anything.
        """
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        check_consistent_length(X, laboratories, groups)
        told = X, y, laboratories, groups, None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            # what weighs nothing is not there
            told = (None if each is None else np.asarray(each)[weights > 0] for each in (*told[:-1], weights))
        X, y, laboratories, groups, weights = told
        images = as_images(X)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"only the class {self.classes_[0]!r} is there: two are needed")
        names = np.zeros(len(labels), int) if laboratories is None else np.unique(laboratories, return_inverse=True)[1]
        train, valid = split_source(labels, groups, self.random_state)
        draws = crops_drawn(len(train), self.batch_size)
        settings = {"strength": self.strength, "colour": self.colour, "grey": self.grey}
        size = self.size_ = min(SIZE, images.shape[1])
        device = device_of(self.device)
        training = import_deep("leukobench.models.network.training")
        side = min(LENET_SIDE, size) if self.network == LENET else size
        small, um_per_px = shrunk(images[train], side / size)
        crops = training.Crops(
            small, labels[train], names[train], side, self.random_state, um_per_px=um_per_px, **settings
        )
        by = _some(weights, valid)
        held_out = training.Crops(images[valid], labels[valid], names[valid], size, self.random_state, by, **settings)
        self.module_ = self._build(len(self.classes_), size)
        with torch_threads(threads()), memory_kept():
            self.history_ = training.train(
                self.module_,
                crops,
                held_out,
                BalancedSampler(labels[train], names[train], draws, self.random_state, _some(weights, train)),
                n_classes=len(self.classes_),
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                batch_size=self.batch_size,
                device=device,
                precision=_precision(self.precision, device),
                seed=self.random_state,
                label_smoothing=self.label_smoothing,
                blend=self.mixup,
                coral=self.coral,
                checkpoint=checkpoint and Path(checkpoint),
            )
        self.module_ = self.module_.to("cpu").eval()
        judged = np.stack([held_out[i][0] for i in range(len(held_out))])
        (logits,) = logits_of(self.module_, [judged], self.device)
        self.temperature_ = _temperature(logits, labels[valid], _some(weights, valid))
        if checkpoint and not keep:
            Path(checkpoint).unlink(missing_ok=True)
        return self

    def predict_proba(self, X):
        """Mean probabilities over the crop and its mirror images, at the temperature of the source.

        Parameters
        ----------
        X : array-like of shape (n, side * side * 3)
            Of a CUDA device too: torch then predicts there, in half precision.

        Returns
        -------
        ndarray of shape (n, k)
        """
        crops = self.field_of(X)
        views = logits_of(self.network_for(crops), TTA["flips"](crops), self.device)
        return np.mean([softmax(each / self.temperature_, axis=1) for each in views], axis=0)

    def field_of(self, X):
        """What the network sees of rows of crops: its field, on white glass.

        Parameters
        ----------
        X : array-like of shape (n, side * side * 3)

        Returns
        -------
        uint8 array, shape (n, size, size, 3)
        """
        check_is_fitted(self)
        if lies_on_device(X):
            arrays = array_library("cuda")
            return fields_of_rows(arrays, arrays.as_its_own(X), self.size_)
        X = validate_data(self, X, reset=False)
        return np.stack([prepare(image, self.size_) for image in as_images(X)])

    def network_for(self, crops):
        """The network that predicts these crops.

        Parameters
        ----------
        crops : uint8 array, shape (n, size, size, 3)

        Returns
        -------
        torch.nn.Module or Exported
            `module_`; with `adapt` a copy that has the statistics of the crops.

        Raises
        ------
        UsageError
            With `adapt`, where there are fewer crops than `leukobench.models.transductive.LEAST_IMAGES`.
        """
        if not self.adapt:
            return self.module_
        adapt = import_deep("leukobench.models.network.architecture").adapt_batch_norm
        check_enough(len(crops))
        parts = -(-len(crops) // BATCH)  # of one size, as each has the same say: a batch left over may be one crop
        return adapt(self.module_, batches_of(crops, size=-(-len(crops) // parts)))

    def __getstate__(self):
        state = super().__getstate__()
        # Classes of backbones need not be importable, so that no module is kept but a graph; of AdaBN, whose graph
        # changes with the images, the weights.
        module = state.get("module_")
        if self.adapt and module is not None:
            weights = module.state_dict().items()
            return state | {"module_": {name: weight.numpy(force=True) for name, weight in weights}}
        return state if module is None else state | {"module_": self.exported().state()}

    def __setstate__(self, state):
        super().__setstate__(state)
        if "module_" in state:
            whole(self.size_, 1, SIZE), whole(len(self.classes_), 2, MOST_CLASSES)  # they say how large the network is
            if not self.adapt:
                self.module_ = Exported.restore(state["module_"], self.size_, len(self.classes_))
                return
            self.module_ = self._build(len(self.classes_), self.size_).eval()
            torch = import_deep("torch")
            self.module_.load_state_dict({name: torch.from_numpy(each) for name, each in state["module_"].items()})

    def exported(self):
        """The trained network as a graph that ONNX Runtime runs.

        Returns
        -------
        leukobench.models.network.exported.Exported

        Raises
        ------
        UsageError
            Where torch, onnx or onnxscript are missing, which export it.
        ValueError
            Where it is made of operators that no file may ask for.
        """
        check_is_fitted(self)
        if isinstance(self.module_, Exported):
            return self.module_
        return _export(self.module_, self.size_, len(self.classes_))

    def check_exportable(self):
        """Export the network as it is before a training; what it raises, `exported` would raise after it.

        Raises
        ------
        UsageError, ValueError
            As of `exported`.
        """
        import_exporters()
        _export(self._build(2, SIZE).eval(), SIZE, 2)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # a table of bytes that must be square images
        return tags

    def _build(self, n_classes, size):
        torch = import_deep("torch")
        build = import_deep("leukobench.models.network.architecture").build_network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            settings = {"frozen": self.frozen, "norm": self.norm, "mixstyle": self.mixstyle, "settled": not self.adapt}
            module = build(self.network, n_classes, size=size, **settings)
        return module.to(memory_format=torch.channels_last)


def _export(module, size, classes):
    return import_deep("leukobench.models.network.export").export_network(module, size, classes)


def _precision(name, device):
    if name not in ("auto", *PRECISIONS):
        raise unknown("precision", name, ("auto", *PRECISIONS))
    return training_precision(device) if name == "auto" else name


def _some(weights, rows):
    return None if weights is None else weights[rows]


def _temperature(logits, labels, weights=None):
    """What logits are divided by so that the labels are likeliest."""
    logits = logits.astype(float)
    return likeliest(lambda log: log_softmax(logits / np.exp(log), axis=1), labels, TEMPERATURES, weights)
