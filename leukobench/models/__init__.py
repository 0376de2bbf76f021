"""Registered models: estimator factories with their search spaces, and the image embeddings they may stand on."""

import lazy_loader

# All of them take a second to import, which a process that only measures pictures should not wait for.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bases": ["OWN"],
        "heads": ["Head"],
        "options": ["Option"],
        "outside": ["register", "unregister"],
        "own_file": ["register_file"],
        "recipe": ["Recipe"],
        "registry": ["DEFAULT", "MODELS", "get_model"],
    },
)
