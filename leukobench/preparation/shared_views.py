"""Images as several representations look at them: brought to each view and segmented once, for all that share it."""

import dataclasses
import time

from leukobench.preparation.views import Seen, apply_view
from leukobench.segmentation import segment


class SharedViews:
    """Some images, and what has been made of them already.

    Parameters
    ----------
    images : list of ndarray of uint8, shape (H, W, 3)
    um_per_px : float array, shape (n,)
        NaN where unknown.
    views : iterable of View or None
        All that will be asked for: of views that differ in the number of copies alone, one has the others in it.
    masks : list of (ndarray of uint8 or None) or None, default None
        Label masks of somebody's own; what lacks one is segmented.
    """

    def __init__(self, images, um_per_px, views, masks=None):
        self.images, self.um_per_px, self.masks = images, um_per_px, masks or [None] * len(images)
        self._copies, self._found = {}, {}
        for view in filter(None, views):
            self._copies[_alike(view)] = max(view.copies, self._copies.get(_alike(view), 0))

    def through(self, view):
        """What is seen through a view, and the seconds that its share of the work took.

        Parameters
        ----------
        view : View or None
            None leaves the images as they are, and finds their cells.

        Returns
        -------
        seen : Seen
            Each image, with its copies behind it.
        seconds : float
        """
        if view is None:
            return self._once(None, lambda: Seen(self.images, self._cells(), self.um_per_px))
        alike = _alike(view)
        whole = dataclasses.replace(view, copies=self._copies[alike])
        seen, seconds = self._once(alike, lambda: apply_view(self.images, whole, self.um_per_px, self.masks))
        if view.copies == whole.copies:
            return seen, seconds
        asked, made = 1 + view.copies, 1 + whole.copies
        kept = [k for k in range(len(seen.pictures)) if k % made < asked]
        return Seen(*([each[k] for k in kept] for each in seen)), seconds * asked / made

    def _cells(self):
        found = iter(segment([image for image, mask in zip(self.images, self.masks, strict=True) if mask is None]))
        return [next(found) if mask is None else mask for mask in self.masks]

    def _once(self, key, make):
        if key not in self._found:
            start = time.perf_counter()
            made = make()
            self._found[key] = made, time.perf_counter() - start
        return self._found[key]


def _alike(view):
    """What views have in common whose pictures are the same, but for the number of copies."""
    return dataclasses.replace(view, copies=0, description="", developed_on=())
