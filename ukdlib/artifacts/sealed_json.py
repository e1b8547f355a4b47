"""JSON files that are read again or shown: an object whose last entry is a checksum over the rest."""

import json
from pathlib import Path
from typing import Any

from ukdlib.artifacts.sealing import beside, checksum, damaged, refuse_damage

SEAL = "checksum"


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write an object of JSON values under text keys, sealed; the file appears whole."""
    sealed = {**content, SEAL: _checksum(content)}
    with beside(path) as part:
        part.write_text(json.dumps(sealed, indent=1), encoding="utf-8", newline="\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """The object without its checksum; refused if a value or key is not what was written."""
    with refuse_damage(path, OSError, json.JSONDecodeError, UnicodeDecodeError):
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.pop(SEAL, None) != _checksum(content):
        raise damaged(path, "its content is not what was written")
    return content


def _checksum(content: dict[str, Any]) -> int:
    """Of the object in its order: as text, because only text is read back unchanged."""
    return checksum([json.dumps(content).encode()])
