"""A trained model, the file that keeps it, and what it says of other images than those it was trained on."""
