"""The one grammar of names: of models, and of the representations that they read.

    base [":" argument] ["[" key=value, ... "]"] ["@" view] ("+" step ["[" key=value, ... "]"])*

Every sign has one meaning: ":" says what a base stands on, "[...]" fixes parameters of what stands before it, "@" is
the view that the pictures are seen through, and "+" is "and then this step". What the words mean, the registry says.
"""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leukobench.errors import UsageError
from leukobench.text import split_outside

LONGEST = 1000  # characters of a name
FILES = "onnx"  # the base whose argument is one path, whatever signs that holds
JOINT = "&"  # between representations whose columns a model reads side by side
APART = "|"  # between the tables that members of an ensemble read, each its own
HINT = 'it is base:argument[key=value]@view+step, as in mobilenet_v2@augmented+flips+knn or onnx:"a+b.bin"+knn'

_QUOTED = r'"(?:[^"]|"")*"'
WORD, KEY = r"[^\W\d][\w.-]*", r"[^\W\d]\w*"
_PLAIN = r'[^\[\]@+~,=&|":\s]+'
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PAIR = rf'\s*(?P<key>{KEY})\s*=\s*(?P<value>{_QUOTED}|[^\[\]",=\s]+)\s*'
_UNNAMED = re.sub(r"\?P<\w+>", "?:", _PAIR)
_PARAMS = rf"(?:\[(?P<params>{_UNNAMED}(?:,{_UNNAMED})*)\])?"
_PART = re.compile(rf"(?P<sign>[+~@])(?P<name>{KEY}){_PARAMS}")
_TAIL = rf"(?:{re.sub(r'[?]P<[a-z]+>', '?:', _PART.pattern)})*"
_HEAD = re.compile(rf"(?P<base>{WORD})(?::(?P<words>(?:{WORD}:)*)(?P<leaf>{_QUOTED}|{_PLAIN}))?{_PARAMS}")
_BARE_PATH = re.compile(rf'((?:{WORD}:)*?{FILES}:)([^"]*\.onnx)({re.sub("[?]P<[a-z]+>", "?:", _PARAMS)}{_TAIL})')
_CONSTANTS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class StepSpec:
    """A step that a name asks for.

    Parameters
    ----------
    name : str
    params : mapping or tuple of pairs, default ()
        Parameters that are fixed, kept as pairs sorted by name.
    """

    name: str
    params: Mapping[str, Any] | tuple = ()

    def __post_init__(self):
        object.__setattr__(self, "params", tuple(sorted(dict(self.params).items())))

    def __str__(self):
        return self.name + _in_brackets(self.params)


@dataclass(frozen=True)
class ModelSpec:
    """A name, taken apart.

    Parameters
    ----------
    base : str
    argument : tuple of str, default ()
        What stands behind the colons: words, and last a text of any signs, such as the path of a file.
    params : mapping or tuple of pairs, default ()
        Parameters of the base that are fixed, kept as pairs sorted by name.
    view : str, default ""
    steps : tuple of StepSpec, default ()

    Examples
    --------
    >>> spec = ModelSpec.parse("finetune:timm:resnet50[learning_rate=1e-3]+mixup+ensemble[members=5]")
    >>> spec.base, spec.argument, spec.params
    ('finetune', ('timm', 'resnet50'), (('learning_rate', 0.001),))
    >>> str(spec)
    'finetune:timm:resnet50[learning_rate=0.001]+mixup+ensemble[members=5]'
    """

    base: str
    argument: tuple[str, ...] = ()
    params: Mapping[str, Any] | tuple = ()
    view: str = ""
    steps: tuple[StepSpec, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "params", tuple(sorted(dict(self.params).items())))
        chain = (self.base, *self.argument)
        if FILES in chain[:-1]:
            first = chain.index(FILES)
            object.__setattr__(self, "argument", (*chain[1 : first + 1], ":".join(chain[first + 1 :])))

    @classmethod
    def parse(cls, text: str) -> "ModelSpec":
        """Read a name.

        The path of an ONNX file needs no quotes where it ends in ".onnx". The forms of version 0.1 are read for one
        version more: "~" in place of "+", and a view behind a step.

        Parameters
        ----------
        text : str

        Returns
        -------
        ModelSpec
            Equal to what `parse` makes of its text again.

        Raises
        ------
        UsageError
            Where the text does not follow the grammar.
        """
        if len(text) > LONGEST or not text.isprintable():
            raise UsageError(f"{text[:50]!r}... is no name: too long, or with signs that cannot be shown", HINT)
        bare = _BARE_PATH.fullmatch(text)
        whole = f"{bare[1]}{_quoted(bare[2])}{bare[3]}" if bare else text
        head = _HEAD.match(whole)
        if not head:
            raise UsageError(f"'{text}' is no name", HINT)
        views: list[str] = []
        steps: list[StepSpec] = []
        end, old = head.end(), False
        while part := _PART.match(whole, end):
            old |= part["sign"] == "~" or (part["sign"] == "@" and bool(steps))
            end = part.end()
            if part["sign"] != "@":
                steps.append(StepSpec(part["name"], _pairs(part["params"], text)))
            elif part["params"]:
                raise UsageError(f"the view '{part['name']}' in '{text}' takes no parameters", HINT)
            else:
                views.append(part["name"])
        if end < len(whole) or len(views) > 1:
            rest = f"'{whole[end:]}'" if end < len(whole) else f"a second view, '{views[1]}',"
            raise UsageError(f"{rest} in '{text}' is not understood", HINT)
        argument = (*head["words"].split(":")[:-1], _unquoted(head["leaf"])) if head["leaf"] is not None else ()
        spec = cls(head["base"], argument, _pairs(head["params"], text), "".join(views), tuple(steps))
        if old:
            tell_renamed(text, spec)
        return spec

    @property
    def stands_on(self):
        """What stands behind the first colon as a name of its own, with the same steps."""
        return ModelSpec(self.argument[0], self.argument[1:], steps=self.steps)

    def __str__(self):
        """The one text of this name."""
        *words, leaf = self.argument or ("",)
        stands_on = f":{''.join(f'{word}:' for word in words)}{_plain_or_quoted(leaf)}" if self.argument else ""
        view = f"@{self.view}" if self.view else ""
        return f"{self.base}{stands_on}{_in_brackets(self.params)}{view}{''.join(f'+{step}' for step in self.steps)}"


def tell_renamed(old, new):
    """Say that a name is read for one version more, and what it is now."""
    warnings.warn(f"'{old}' is now '{new}'; the next version reads the new name only", FutureWarning, stacklevel=3)


def tables_of(representation):
    """The tables that a text stands for: one, or one of each member of an ensemble.

    Parameters
    ----------
    representation : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> tables_of("pixels:scale|features:core@augmented&embedding:mobilenet_v2@augmented")
    ['pixels:scale', 'features:core@augmented&embedding:mobilenet_v2@augmented']
    """
    return split_outside(representation, APART)


def parts_of(representation):
    """The representations that a text stands for, one or several with "&" or "|" between them.

    Parameters
    ----------
    representation : str

    Returns
    -------
    list of ModelSpec

    Examples
    --------
    >>> [part.base for part in parts_of("features:core@augmented&embedding:mobilenet_v2@augmented+flips")]
    ['features', 'embedding']
    """
    tables = tables_of(representation)
    return [ModelSpec.parse(part) for table in tables for part in split_outside(table, JOINT)]


def _pairs(text, name):
    if not text:
        return ()
    found = [(pair["key"], _value(pair["value"])) for pair in re.finditer(_PAIR, text)]
    keys = [key for key, _ in found]
    if len(keys) > len(set(keys)):
        raise UsageError(f"a parameter stands twice in '[{text}]' of '{name}'", "give each of them one value")
    return found


def _value(text):
    if text.startswith('"'):
        return _unquoted(text)
    if not re.fullmatch(_NUMBER, text):
        return _CONSTANTS.get(text, text)
    number = float(text)
    if not math.isfinite(number):
        raise UsageError(f"{text} is too large a number", HINT)
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else number


def _in_brackets(params):
    return f"[{','.join(f'{key}={_text_of(value)}' for key, value in params)}]" if params else ""


def _text_of(value):
    """The one text of a value; 1 and 1.0 are the same value and have the same text."""
    for text, constant in _CONSTANTS.items():
        if value is constant:
            return text
    if isinstance(value, str):
        same = re.fullmatch(_UNNAMED, f"k={value}") and value.strip() == value and _value(value) == value
        return value if same and not value.startswith('"') else _quoted(value)
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(value)


def _plain_or_quoted(text):
    return text if re.fullmatch(_PLAIN, text) else _quoted(text)


def _quoted(text):
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _unquoted(text):
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
