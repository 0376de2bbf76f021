"""Phantom datasets: rendered leukocytes with exact masks, under the layouts of four real sources.

They are the default where no real images are found, and the ground truth of the tests. Every root that holds them
has a file `PHANTOM.json`, so that whatever is computed from them can say so.
"""

from leukobench.datasets.phantom.domains import DOMAINS, Domain
from leukobench.datasets.phantom.render import VERSION, PhantomCell, render_cell
from leukobench.datasets.phantom.write import ensure_phantom, write_phantom

__all__ = ["DOMAINS", "VERSION", "Domain", "PhantomCell", "ensure_phantom", "render_cell", "write_phantom"]
