"""Where nucleus and cell are

Six drawn cells, their outlines as `segment` finds them, and what one of the features measures of each.
"""

import matplotlib.pyplot as plt

from leukobench.datasets.phantom import render_cell
from leukobench.features import extract_features
from leukobench.segmentation import segment

kinds = ["SNE", "BNE", "EO", "BA", "MO", "LY"]
cells = [render_cell(kind, "barcelona", rng=number) for number, kind in enumerate(kinds)]
masks = segment([cell.image for cell in cells])
table = extract_features([cell.image for cell in cells], masks, um_per_px=[cell.um_per_px for cell in cells])

figure, axes = plt.subplots(1, len(cells), figsize=(12, 2.6), layout="constrained")
for axis, kind, cell, mask, area in zip(axes, kinds, cells, masks, table["nucleus_area"], strict=True):
    axis.imshow(cell.image)
    axis.contour(mask > 0, [0.5], colors="tab:orange", linewidths=1)
    axis.contour(mask == 2, [0.5], colors="white", linewidths=1)
    axis.set_title(f"{kind}: nucleus {area:.0f} µm²", fontsize=9)
    axis.axis("off")
figure.savefig("masks.png", dpi=100)
