"""The page of a run, one file for people: the report, drawn."""

from leukobench.page.write import PAGE, render_page, write_page

__all__ = ["PAGE", "render_page", "write_page"]
