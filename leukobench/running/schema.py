"""The shape of what a run folder holds: whatever is read back is held to it, and has nothing of another type.

Files may hold more than is named here, and less than a newer version writes: what came later is not required.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic takes that of `typing` from Python 3.12 on

OPEN = ConfigDict(strict=True, extra="allow")
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$")]  # it is the name of files: no path out of the folder
Names = list[str]
Plain = dict[str, Any]


class Planned(TypedDict):
    """A run cell: of the plan, and in its record."""

    __pydantic_config__ = OPEN
    fingerprint: FileName
    protocol: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  # it may be one that is not known here
    train: str
    model: str
    seed: int
    resample: NotRequired[int]
    targets: NotRequired[Names]
    sources: NotRequired[Names]
    family: NotRequired[str]
    augmented: NotRequired[bool]
    ensemble: NotRequired[bool]
    counts_as: NotRequired[str]
    transductive: NotRequired[bool]
    contamination: NotRequired[Names]
    developed_on: NotRequired[Names]
    inputs: NotRequired[Plain]


class Record(Planned):
    """What the record of a run cell holds."""

    __pydantic_config__ = OPEN
    status: Literal["ok", "error", "oom", "timeout", "killed"]
    head_classes: Names
    left_out_classes: NotRequired[dict[str, int]]
    lost_targets: NotRequired[dict[str, str]]
    error: NotRequired[str]
    traceback: NotRequired[str]
    n_train: NotRequired[int]
    params: NotRequired[list[Plain]]
    times: NotRequired[dict[str, float | None]]
    provenance: NotRequired[Plain]
    predictions_checksum: NotRequired[str]
    seal: NotRequired[str]


class Budget(TypedDict):
    """What a suite spends."""

    __pydantic_config__ = OPEN
    name: str


class Suite(TypedDict):
    """What was asked for."""

    __pydantic_config__ = OPEN
    name: str
    level: str
    datasets: Names
    models: Names
    protocols: Names
    seeds: list[int]
    resample_source: NotRequired[int]
    budget: Budget
    min_test_images: int
    costs: NotRequired[dict[str, dict[str, float]]]


class Plan(TypedDict):
    """`plan.json`."""

    __pydantic_config__ = OPEN
    suite: Suite
    cells: list[Planned]
    synthetic: bool
    groups_unknown: Names
    notes: NotRequired[Names]
    images: NotRequired[dict[str, int]]
    index_hash: NotRequired[str | None]
    credits: NotRequired[dict[str, dict[str, dict[str, str]]]]
    opinions: NotRequired[dict[str, dict[str, dict[str, dict[str, int]]]]]
    seal: NotRequired[str]


class Environment(TypedDict):
    """`environment.json`."""

    __pydantic_config__ = OPEN
    packages: NotRequired[dict[str, str | None]]


class Section(TypedDict):
    """A table of the diagnosis."""

    __pydantic_config__ = OPEN
    title: str
    protocol: str
    uses: str
    table: list[Plain]


class Diagnosis(TypedDict):
    """`diagnosis.json`."""

    __pydantic_config__ = OPEN
    warning: str
    notes: Names
    sections: dict[str, Section]


RECORD = TypeAdapter(Record)
AGAIN = "run again into the same --out"
FILES = {  # name: schema, what it is, what to do where it is damaged
    "plan.json": (TypeAdapter(Plan), "plan", "run again into a new --out"),
    "environment.json": (TypeAdapter(Environment), "environment", AGAIN),
    "diagnosis.json": (TypeAdapter(Diagnosis), "diagnosis", "run leukobench diagnose again"),
    "manifest.json": (TypeAdapter(dict[str, dict[str, str]]), "manifest", "`leukobench report` writes it again"),
    "representations.json": (TypeAdapter(dict[str, Plain | str]), "table of times", AGAIN),
}
SAMPLES = {"dataset": "str", "sha256": "str", "class": "str", "group": "str", "um_per_px": "float"}
