"""
One sentence for each way in which the configuration violates its JSON schema: key, value, what is allowed.

A schema validator's own messages quote whole sub-schemas and hide the key. Standard library only, because this
module is imported each time the workflow is parsed; the validator's error objects are all it needs.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any


def explain(errors: Iterable[Any]) -> list[str]:
    """
    Sentences for jsonschema.ValidationError objects (for an alternative, that of its most likely branch).

    Each begins with `config.yaml: ` and the dotted key, as in "config.yaml: fusions.ukd.tau is -1; it must be
    more than 0".
    """
    return [f"config.yaml: {_sentence(error)}" for error in errors]


def _sentence(error: Any) -> str:
    if error.validator == "oneOf" and error.context:
        return _sentence(_likeliest(error))
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        unknown = sorted(set(map(str, error.instance)) - set(error.schema["properties"]))
        known = ", ".join(sorted(error.schema["properties"]))
        return f"{place or 'the top level'} has {', '.join(map(repr, unknown))}, which is unknown; known: [{known}]"
    if error.validator == "oneOf":  # several branches fit
        keys = [key for branch in error.validator_value for key in branch.get("required", [])]
        given = " and ".join(repr(key) for key in keys if key in error.instance)
        return f"{place} has {given}, perhaps one of them from the file that this overlays; it may have one of {keys}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{place or 'the top level'} lacks {', '.join(map(repr, missing))}"
    if error.validator == "dependentRequired":
        lacking = [
            f"{other!r}, which goes with {key!r}"
            for key, others in error.validator_value.items()
            for other in others
            if key in error.instance and other not in error.instance
        ]
        return f"{place} lacks {lacking[0]}"
    if error.validator == "type" and _is_number(error.instance):
        return (
            f"{place} is the text {error.instance!r}, not a number: YAML needs a point before the exponent; "
            "write it as 0.001 or 1.0e-3"
        )
    allowed = ALLOWED.get(error.validator, lambda limit: f"satisfy {error.validator}: {limit}")
    return f"{place} is {error.instance!r}; it must {allowed(error.validator_value)}"


def not_finite(config: Any, place: str = "") -> list[str]:
    """Sentences for numbers that are not finite, which no bound of a schema catches."""
    if isinstance(config, dict):
        return [
            line for key, value in config.items() for line in not_finite(value, f"{place}.{key}".lstrip("."))
        ]
    if isinstance(config, list):
        return [
            line for number, value in enumerate(config) for line in not_finite(value, f"{place}.{number}")
        ]
    if isinstance(config, float) and not math.isfinite(config):
        return [f"config.yaml: {place} is {config}; it must be a finite number"]
    return []


def _is_number(text: Any) -> bool:
    try:
        return isinstance(text, str) and math.isfinite(float(text))
    except ValueError:
        return False


ALLOWED: dict[str, Callable[[Any], str]] = {
    "type": lambda kind: f"be of type {' or '.join([kind] if isinstance(kind, str) else kind)}",
    "enum": lambda values: f"be one of {values}",
    "minimum": lambda limit: f"be at least {limit}",
    "maximum": lambda limit: f"be at most {limit}",
    "exclusiveMinimum": lambda limit: f"be more than {limit}",
    "exclusiveMaximum": lambda limit: f"be less than {limit}",
    "multipleOf": lambda step: f"be a multiple of {step}",
    "pattern": lambda pattern: f"match {pattern}",
    "minItems": lambda number: f"have at least {number} entries",
    "maxItems": lambda number: f"have at most {number} entries",
    "minProperties": lambda number: f"have at least {number} entries",
    "uniqueItems": lambda _: "have no duplicates",
}


def _likeliest(error: Any) -> Any:
    """Of the branches of an alternative, the first error of the one with the fewest errors."""
    branches: dict[int, list[Any]] = {}
    for part in error.context:
        branches.setdefault(part.schema_path[0], []).append(part)
    return min(branches.values(), key=len)[0]
