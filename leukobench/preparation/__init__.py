"""How pictures are prepared, for features and networks alike: scale, glass, augmented copies, crops."""
