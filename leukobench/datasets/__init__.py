"""Where images come from: the label tree, the datasets with their cards, and the index of every file."""

from leukobench.datasets.card import DatasetCard, Record
from leukobench.datasets.index import STATUSES, build_index, index_hash, write_index
from leukobench.datasets.registry import DATASETS, get_dataset, own_datasets, present_datasets, register, unregister
from leukobench.datasets.root import find_data_root
from leukobench.datasets.summary import coverage, summarise
from leukobench.datasets.taxonomy import CELL_TYPES, LEVELS, PRESETS, apply_preset, class_names, to_level

__all__ = [
    "CELL_TYPES",
    "DATASETS",
    "LEVELS",
    "PRESETS",
    "STATUSES",
    "DatasetCard",
    "Record",
    "apply_preset",
    "build_index",
    "class_names",
    "coverage",
    "find_data_root",
    "get_dataset",
    "index_hash",
    "own_datasets",
    "present_datasets",
    "register",
    "summarise",
    "to_level",
    "unregister",
    "write_index",
]
