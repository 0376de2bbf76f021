"""The project's own parts, a file each: what they are called and the reference, plain NumPy, SciPy and scikit-image."""

ORDER = ("shape", "colour", "texture", "percentiles", "distance", "hull", "background", "zernike", "grid")
"""Modules in the order of their columns; others in this folder come after."""
