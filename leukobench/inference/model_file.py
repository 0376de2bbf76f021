"""The file that keeps a trained model: a zip of its card, which is read first, and of its estimator."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from leukobench.datasets.registry import attribute_names
from leukobench.datasets.taxonomy import LEVELS
from leukobench.errors import UsageError, in_one_line
from leukobench.files import content_hash, keep_result
from leukobench.inference.trained import LOOKS, TrainedModel, own_seed
from leukobench.inference.trust import Trust
from leukobench.inputs import read_bytes
from leukobench.models import get_model
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.soundness import parts_of
from leukobench.models.stored import MOST_BYTES, dump_estimator, load_estimator, open_archive, read_member
from leukobench.models.stored.schema import CLASSES
from leukobench.running.environment import describe_environment
from leukobench.running.representations import representation_key
from leukobench.running.tuning import Fitted

CARD, ESTIMATOR = "card.json", "model.skops"
MADE_OF = ("numpy", "scikit-learn", "xgboost")  # packages whose objects are in it
MOST_IMAGES = 1_000_000
MOST_CARD = 100 * MOST_IMAGES  # bytes; a hash has 64
AGAIN = "train it again with --train and --save; and use no file that you were not meant to have"

Name = Annotated[str, Field(min_length=1, max_length=5_000, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Card(BaseModel):
    """What a file says of its model: the fields of `TrainedModel`, what made it, and what its estimator hashes to.

    Parameters
    ----------
    model, sources, level, head, left_out, params, images, seed, synthetic, trust
        As of `TrainedModel`.
    estimator : str
        sha256 of the estimator's bytes.
    made_with : dict of str to str
        Versions that its numbers depend on.
    seal : str
        Hash of everything else on the card.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    model: Name
    sources: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]
    level: str
    seed: Seed
    params: dict[Name, int | float | Name]
    head: Annotated[tuple[Name, ...], Field(min_length=2)]
    left_out: dict[Name, Count]
    images: Annotated[tuple[Digest, ...], Field(min_length=2, max_length=MOST_IMAGES)]
    synthetic: bool
    trust: Trust
    estimator: Digest
    made_with: dict[Name, Name | None]
    seal: str = ""

    @model_validator(mode="after")
    def _consistent(self):
        known = (*self.head, *self.left_out) if self.level in attribute_names() else LEVELS.get(self.level)
        if known is None:
            raise ValueError(f"there is no level {self.level!r}")
        if strange := [name for name in (*self.head, *self.left_out) if name not in known]:
            raise ValueError(f"{', '.join(strange)}: no class of {self.level}")
        if list(self.head) != sorted(set(self.head)) or set(self.head) & set(self.left_out):
            raise ValueError("classes are there twice, or not in their order")
        if len(set(self.sources)) < len(self.sources) or len(set(self.images)) < len(self.images):
            raise ValueError("a dataset or an image is there twice")
        if strange := {each.label for each in self.trust.references} - set(self.head):
            raise ValueError(f"a reference of {min(strange)}, no class of the head")
        return self

    def hashed(self):
        """Hash of the card without its seal."""
        return content_hash(self.model_dump(mode="json", exclude={"seal"}), length=64)


def release_file():
    """Where the release file of the default model lies, if it was put there: in the user's data directory."""
    return Path(platformdirs.user_data_dir("leukobench")) / "models" / "default.zip"


def check_keepable(model):
    """Refuse, before a training, a model of classes that no file may ask for, or a network that cannot be exported."""
    recipe = get_model(model)
    parts = list(parts_of(recipe.build(recipe.defaults, 0)))
    strange = {type(part) for part in parts} - set(CLASSES)
    if strange:
        names = ", ".join(sorted(each.__name__ for each in strange))
        raise UsageError(f"{model} cannot be kept in a file: it is made of {names}", "leave out --save")
    try:
        for part in parts:
            if isinstance(part, NetworkClassifier) and not part.adapt:
                part.check_exportable()
    # of the check of a graph, and of torch, whose errors are of that kind
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{model} cannot be kept in a file: {in_one_line(error)}", "leave out --save") from error


def save_model(trained, path):
    """Keep a trained model in a file.

    Parameters
    ----------
    trained : TrainedModel
    path : path-like

    Raises
    ------
    UsageError
        Where it is made of classes that no file may ask for, is too large to be read again, or cannot be written: then
        with the name of another file that holds it.
    """
    try:
        estimator = dump_estimator(trained.fitted.estimator)
    except ValueError as error:
        raise UsageError(f"{trained.model} cannot be kept in a file: {error}", "leave out --save") from error
    said = {name: getattr(trained, name) for name in Card.model_fields if hasattr(trained, name)}
    said |= {"images": tuple(sorted(trained.images)), "made_with": _versions(trained.model)}
    card = Card(**said, estimator=hashlib.sha256(estimator).hexdigest())
    card = card.model_copy(update={"seal": card.hashed()})
    content = io.BytesIO()
    # packed inside, not outside: a damaged byte is then found by the outer checksum and never unpacked
    with zipfile.ZipFile(content, "w") as file:
        for name, member in ((CARD, card.model_dump_json()), (ESTIMATOR, estimator)):
            # without the time of the day: the same model gives the same file
            file.writestr(zipfile.ZipInfo(name), member)
    if content.tell() > MOST_BYTES:
        raise UsageError(f"{trained.model} takes {content.tell():,} bytes", "keep a smaller model: the limit is 2 GiB")
    keep_result(path, content.getvalue())


def load_model(path):
    """Read a trained model from its file, which may come from anywhere.

    Nothing in the file is run. The card is checked first, against the model that it names; then, before anything is
    made, that the estimator asks for nothing but what fitted models are made of; then that its arrays are sound, and
    that it is the estimator of that model. What no check can tell is whether it predicts well: its numbers are those
    of whoever made the file.

    Parameters
    ----------
    path : path-like
        Of `save_model`.

    Returns
    -------
    TrainedModel

    Raises
    ------
    UsageError
        Where there is no such file, it is damaged, altered or none of these, or other versions made it. What stands
        behind the first fault is then not read.
    """
    try:
        with open_archive(io.BytesIO(read_bytes(path, MOST_BYTES)), 2) as file:
            card = Card.model_validate_json(read_member(file, CARD, MOST_CARD))
            estimator = read_member(file, ESTIMATOR)
        return _restore(card, estimator)
    except UsageError as error:
        raise UsageError(f"cannot use {path}: {error.message}", error.hint or AGAIN) from error
    except OSError as error:
        hint = "name a file that --save has written"
        raise UsageError(f"cannot read {path}: {error.strerror or error}", hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, ('card', *first['loc'])))}: {first['msg']}"
        raise UsageError(f"{path} is no model that --save has written, or a damaged one: {reason}", AGAIN) from error
    except Exception as error:  # bytes that were made to do harm lead their readers to errors of any kind
        reason = str(error).partition("\n")[0] if isinstance(error, ValueError) else type(error).__name__
        raise UsageError(f"{path} is no model that --save has written, or a damaged one: {reason}", AGAIN) from error


def _restore(card, estimator):
    """The model of a card and the bytes of its estimator."""
    try:
        recipe = get_model(card.model)
    except UsageError as error:
        hint = "where it is a model of your own, name its file with --model-file, as when it was trained"
        raise UsageError(error.message, hint) from error
    if card.seal != card.hashed() or card.estimator != hashlib.sha256(estimator).hexdigest():
        raise ValueError("card and estimator are not as they were written")
    there, here = card.made_with, _versions(card.model)
    differs = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if differs:
        differs = "; ".join(f"{name} {there.get(name)}, here {here.get(name)}" for name in differs)
        raise UsageError(f"it was saved by other versions: {differs}", AGAIN)
    given, known = ({name: type(value) for name, value in each.items()} for each in (card.params, recipe.defaults))
    if given != known:
        raise ValueError(f"other parameters than {recipe.name} has")
    like = recipe.build(card.params, own_seed(card.sources, card.model, card.seed))
    fitted = Fitted.restore(load_estimator(estimator, like), card.head)
    if len(fitted.classes) != len(fitted.estimator.classes_):
        raise ValueError("another number of classes than its estimator has")
    facts = {name: getattr(card, name) for name in Card.model_fields if name not in ("estimator", "made_with", "seal")}
    return TrainedModel(**facts | {"images": frozenset(card.images)}, fitted=fitted)


def _versions(model):
    """What the file of a model depends on."""
    recipe, facts = get_model(model), describe_environment()
    packages = {name: facts["packages"].get(name) for name in MADE_OF}
    keys = {name: content_hash(representation_key(name)) for name in (recipe.representation, LOOKS)}
    return {"leukobench": facts["leukobench"], **packages, model: recipe.version, **keys}
