"""The same cell, as a model sees it

A view takes out of a picture what the picture itself can tell: micrometres and the colour of the glass. Above, a
neutrophil of each drawn laboratory; below, the same cells at one scale on white glass (`canonical`).
"""

import matplotlib.pyplot as plt

from leukobench.datasets.phantom import render_cell
from leukobench.preparation.views import VIEWS, apply_view

laboratories = ["barcelona", "munich", "raabin", "cvb"]
cells = [render_cell("SNE", laboratory, rng=7) for laboratory in laboratories]
views, *_ = apply_view([cell.image for cell in cells], VIEWS["canonical"], [cell.um_per_px for cell in cells])

figure, axes = plt.subplots(2, len(cells), figsize=(9, 5), layout="constrained")
for column, (laboratory, cell) in enumerate(zip(laboratories, cells, strict=True)):
    axes[0, column].imshow(cell.image)
    axes[0, column].set_title(f"{laboratory}, {cell.image.shape[0]} px", fontsize=9)
    axes[1, column].imshow(views[column][:150, :150])
for axis in axes.flat:
    axis.axis("off")
figure.savefig("views.png", dpi=100)
