"""One file of data: from text to a checked value, with every problem at its line."""

from __future__ import annotations

import tomllib
import types
import typing
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from weft_steward.positions import key_lines, line_of
from weft_steward.problems import Problem, nearest

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
Lines = dict[Location, int]


def read_toml(
    text: str, schema: type[Model], path: str, first_line: int = 1
) -> tuple[Model | None, Lines, list[Problem]]:
    """Read a TOML text as a value of the schema.

    Args:
        text: the TOML text.
        schema: the pydantic model that it has to satisfy.
        path: the file to name in problems.
        first_line: the line of the file on which the text begins.

    Returns:
        The value (None where there are problems), the line of every key, and the problems.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, {}, [_syntax_problem(error, path, first_line)]
    lines = {key: line + first_line - 1 for key, line in key_lines(text).items()}
    try:
        return schema.model_validate(data), lines, []
    except ValidationError as error:
        return None, lines, [_problem(one, schema, path, lines) for one in error.errors()]


def _syntax_problem(error: tomllib.TOMLDecodeError, path: str, first_line: int) -> Problem:
    said, _, where = str(error).partition(" (at ")
    digits = "".join(letter for letter in where.split(",")[0] if letter.isdigit())
    line = int(digits) + first_line - 1 if digits else 0
    return Problem(path, line, "syntax", f"this is not TOML: {said[0].lower()}{said[1:]}")


def _problem(error: Any, schema: type[BaseModel], path: str, lines: Lines) -> Problem:
    location: Location = tuple(error["loc"])
    owner = _model_at(schema, location[:-1])
    known = list(owner.model_fields) if owner else []
    key = location[-1] if location else ""
    within = _within(location[:-1])
    line = line_of(location, lines)
    if error["type"] == "extra_forbidden":
        message = (
            f"unknown key {key!r}{within}{nearest(str(key), known)} (known: {', '.join(known)})"
        )
    elif error["type"] == "missing":
        message = f"required key {key!r} is missing{within}"
    elif error["type"] == "literal_error":
        allowed = error["ctx"]["expected"]
        words = [word.strip("' ") for word in allowed.replace(" or ", ",").split(",")]
        message = f"{key!r}{within} must be one of {allowed}, and is {error['input']!r}" + nearest(
            str(error["input"]), words
        )
    else:
        said = error["msg"][0].lower() + error["msg"][1:]
        message = f"{_spelt(location)}: {said}; it is {_shown(error['input'])}"
    return Problem(path, line, "schema", message)


def _model_at(schema: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the model whose keys are meant at a place inside a schema's data."""
    model: type[BaseModel] | None = schema
    for part in location:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            model = _inner_model(model.model_fields[part].annotation)
        # An index keeps the model: it walks from a list to its element.
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        for argument in typing.get_args(annotation):
            if found := _inner_model(argument):
                return found
    return None


def _within(location: Location) -> str:
    return f" in {_spelt(location)}" if location else ""


def _spelt(location: Location) -> str:
    """Spell a location as people do: `seats[1].role`, where the first seat is 1."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
