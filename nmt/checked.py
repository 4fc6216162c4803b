"""What is given is checked: a condition by its key, the types of settings, dataclasses of what YAML or JSON held."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from math import isfinite
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")

_KINDS: dict[type, list[str]] = {
    int: ["a whole number"],
    float: ["a number"],
    str: ["text, in YAML in quotes"],
    bool: ["true", "false"],
    NoneType: ["null"],
    list: ["a list"],
    tuple: ["a list"],
    dict: ["a mapping"],
}


def check(holds: bool, key: str, value: object, allowed: str) -> None:
    """Raises a ValueError that names the key, its value and what is allowed, unless the condition holds."""
    if not holds:
        raise ValueError(f"{key}: {value!r} is not allowed, it must be {allowed}")


def check_fits(kind: Any, key: str, value: object) -> None:
    """Raises a ValueError that names the key, its value and what is allowed, unless the value is of a type."""
    check(_fits(kind, value), key, value, f"{in_words(kind)}{nearest_choice(value, kind)}")


def _fits(kind: Any, value: object) -> bool:
    """Whether a value is of a type, that of the elements of a list left open."""
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(each, value) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    kind = get_origin(kind) or kind
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    return isinstance(value, kind)


def in_words(kind: Any) -> str:
    """The values of a type, in words."""
    *others, last = dict.fromkeys(choices(kind))
    return f"{', '.join(others)} or {last}" if others else last


def choices(kind: Any) -> list[str]:
    """The same one by one; null for None."""
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if get_origin(kind) in (Union, UnionType):
        return [choice for each in get_args(kind) for choice in choices(each)]
    kind = get_origin(kind) or kind
    if kind is Iterable:
        return ["a list"]
    if is_dataclass(kind):
        return [cast(type, kind).__name__]
    return _KINDS.get(kind, [f"a class_path such as pytorch_lightning...{kind.__name__}"])


SYNONYMS = {
    "adam": "adamw",
    "batch_size": "batch_sentences",
    "bilstm": "bidirectional",
    "birnn": "bidirectional",
    "brnn": "bidirectional",
    "epochs": "max_epochs",
    "lr": "learning_rate",
    "mlp": "additive",
    "noam": "inverse_sqrt",
}
"""What other toolkits call a setting, or a choice of one."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion, as the end of a sentence: what is meant by another name, begins so, or is nearest; or nothing."""
    from difflib import get_close_matches

    word, known = word.lower(), list(known)
    meant = SYNONYMS.get(word.rpartition(".")[2])
    near = [each for each in known if each.rpartition(".")[2] == meant]
    near = near or [each for each in known if each.startswith(f"{word}-")] or get_close_matches(word, known, n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def nearest_choice(value: object, kind: Any) -> str:
    """The same of a value that is none of the names among the values of a type."""
    names = [name for each in (kind, *get_args(kind)) if get_origin(each) is Literal for name in choices(each)]
    return nearest(value, names) if isinstance(value, str) else ""


def check_folder_name(key: str, name: str) -> None:
    """Raises ValueError if a folder within another cannot have that name."""
    plain = bool(name) and not set(name) & set("/\\\0") and not name.startswith(".")
    check(plain, key, name, "a folder name without slashes, and no dot at its beginning")


def fit_types(settings: Any, section: str = "") -> None:
    """Fits the fields of a frozen dataclass to their types: lists to tuples, numbers of numpy to Python's.

    Args:
        settings: the dataclass.
        section: before each name, where an error names a key.

    Raises:
        ValueError: that names the key, if a value is neither of the type of its field nor one of its choices.
    """
    for name, hint in get_type_hints(type(settings)).items():
        key, value = f"{section}{name}", getattr(settings, name)
        if isinstance(value, list) and _fits(hint, ()):
            value = tuple(value)
        check_fits(hint, key, value)
        kind = type(value)
        if issubclass(kind, Real) and kind not in _KINDS:
            value = int(value) if issubclass(kind, Integral) else float(value)
        check(not isinstance(value, float) or isfinite(value), key, value, "a finite number")
        object.__setattr__(settings, name, value)


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their whole keys such as "model.attention.score", each with the prefix before it."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def idle(needs: Mapping[str, tuple[bool, str]], values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """What is to be said of values that differ from their defaults and change nothing.

    Args:
        needs: by its key, whether what a value needs is there, and what that is.
        values: by their keys.
        defaults: by their keys.
    """
    without = [(key, needed) for key, (is_met, needed) in needs.items() if not is_met and values[key] != defaults[key]]
    given = {key: key if values[key] is True else f"{key} {values[key]}" for key, _ in without}
    return [f"{given[key]} changes nothing without {needed}" for key, needed in without]


def build(kind: type[Settings], values: Mapping[str, Any], section: str = "") -> Settings:
    """A dataclass, and those within it, of what YAML or JSON held; each fits its fields to their types.

    Args:
        kind: of the dataclass.
        values: by the names of its fields; what is not there has its default.
        section: before each name, where an error names a key.

    Raises:
        ValueError: if a key is no field, or a field without a default is missing.
    """
    hints = get_type_hints(kind)
    if not isinstance(values, Mapping):
        raise ValueError(f"{section.rstrip('.')}: {values!r} is not allowed, it must be a mapping")
    for name in values:
        check(name in hints, f"{section}{name}", values[name], "left out: there is no such key")
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name not in values and each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"there is no {section}{each.name}")
    nested = {name: cast(type, hint) for name, hint in hints.items() if name in values and is_dataclass(hint)}
    return kind(**{**values, **{name: build(each, values[name], f"{section}{name}.") for name, each in nested.items()}})
