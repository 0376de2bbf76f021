"""A data root to look at: how many cells of what, how bright, how large, what they look like and how they lie."""

from leukobench.exploration.look import Look, look_at
from leukobench.exploration.page import write_page

__all__ = ["Look", "look_at", "write_page"]
