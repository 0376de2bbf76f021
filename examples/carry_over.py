"""A model in its own laboratory and in the next

Extra trees on the features of one drawn laboratory, scored on other cells of it and on those of another laboratory:
as they are, and seen through the view `canonical`. Plain scikit-learn; drawn cells say nothing of real laboratories.
"""

import matplotlib.pyplot as plt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

from leukobench.datasets.phantom import render_cell
from leukobench.features import HandcraftedFeatures

CLASSES = ["SNE", "EO", "BA", "MO", "LY"]


def laboratory(name, seed, cells=12):
    """Images and labels of a drawn laboratory."""
    labels = CLASSES * cells
    return [render_cell(label, name, rng=seed + number).image for number, label in enumerate(labels)], labels


train, (own, other) = laboratory("barcelona", 0), (laboratory("barcelona", 1000), laboratory("munich", 2000))
scores = {}
for view in (None, "canonical"):
    model = make_pipeline(HandcraftedFeatures(view=view), ExtraTreesClassifier(200, random_state=0)).fit(*train)
    scores[view] = [balanced_accuracy_score(labels, model.predict(images)) for images, labels in (own, other)]

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
for shift, (view, values) in zip((-0.2, 0.2), scores.items(), strict=True):
    bars = axis.bar([place + shift for place in range(2)], values, 0.38, label=view or "as they are")
    axis.bar_label(bars, fmt="%.2f")
axis.set(xticks=range(2), xticklabels=["same laboratory", "another"], ylabel="balanced accuracy", ylim=(0, 1.1))
axis.legend(loc="upper right")
figure.savefig("carry_over.png", dpi=100)
