"""What was looked at while the package was made; beside the views, whose constants decide pixels and this does not."""

IN_VIEW = ("barcelona", "cvb", "jiangxi", "munich", "raabin")
"""Datasets that were in view when views, recipes and options were chosen (docs/transfer.md)."""
