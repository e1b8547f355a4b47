"""
Short hashes of code and of settings, which make a stage rerun when, and only when, its results may change.

The workflow engine sees an edited script but not an edited module that the script imports, and it takes a
touched file for an edited one. `code_hash` follows the imports and ignores prose and layout. Every parse of
the workflow calls it, so it uses the standard library only and reads the syntax of a module once per process.

Not seen: imports by name unless the caller says which, data files, versions of other packages. The package's
`__init__.py` should stay empty, or every script depends on all that it imports.
"""

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

APART = frozenset({Path("ukdlib/artifacts/lineage.py")})  # records what is made and changes nothing in it
HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Import = tuple[int, str]  # (level, dotted name); level as in ast.ImportFrom: 0 absolute, 1 own package, ...


def code_hash(
    entry: str, root: str | Path = ".", by_name: Iterable[str] = (), package: str | None = "ukdlib"
) -> str:
    """
    16 hex digits over the script `entry` and all modules of `package` that it imports, directly or not; None: all
    modules below root.

    entry is relative to root, the folder that holds the package. by_name: dotted names of modules that the script
    imports by name at run time, which its source does not show. Comments, docstrings, layout and time stamps
    do not count; the path of a file does, so that swapping the text of two modules is noticed.
    """
    root = Path(root)
    todo, digests = [Path(entry)], {}
    for name in by_name:
        todo += _files_of(name, root, package)
    while todo:
        path = todo.pop()
        if path in digests or path in APART:
            continue
        digests[path], imports = _digest_and_imports((root / path).read_text(encoding="utf-8"))
        for level, name in imports:
            todo += _files_of(_absolute(name, level, path), root, package)
    lines = "".join(f"{path.as_posix()} {digest}\n" for path, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def own_code(module: str, root: str | Path) -> str | None:
    """
    What identifies the code of a user's module by its dotted name: a hash over it and all that it imports below
    `root`, packages included, or of an installed module the version of what it came with. None if it is neither.
    """
    files = _files_of(module, Path(root), None)
    if files:
        return code_hash(files[-1].as_posix(), root, [module], None)
    names = importlib.metadata.packages_distributions().get(module.partition(".")[0], [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names))) or None


def config_hash(settings: dict) -> str:
    """12 hex digits over settings (JSON values only); the order of keys does not matter, that of lists does."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def resume_key(sources: Iterable[str], settings: dict) -> str:
    """
    Identifies a killed job's unfinished work: changes with the settings (JSON values), and with size or time of a
    source file.
    """
    stats = [os.stat(source) for source in sources]
    return config_hash({"settings": settings, "sources": [[s.st_size, s.st_mtime_ns] for s in stats]})


def videos_hash(video_ids: Iterable[str]) -> str:
    """16 hex digits that identify a set of videos; order and repetitions do not matter."""
    names = "\n".join(sorted({str(video_id) for video_id in video_ids}))
    return hashlib.sha256(names.encode()).hexdigest()[:16]


@functools.cache
def _digest_and_imports(source: str) -> tuple[str, frozenset[Import]]:
    """Digest of the code in `source` and what it imports; cached by content, so an edit is never missed."""
    tree = ast.parse(source)
    imports: set[Import] = set()
    for node in ast.walk(tree):
        imports.update(_imports_of(node))
        if isinstance(node, HAS_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256(_dumped(tree).encode()).hexdigest(), frozenset(imports)


def _dumped(node: Any) -> str:
    """A syntax tree as text, without empty fields: their number depends on the version of Python."""
    if isinstance(node, ast.AST):
        parts = [
            f"{name}={_dumped(value)}"
            for name in node._fields
            if (value := getattr(node, name, None)) is not None and value != []
        ]
        return f"{type(node).__name__}({','.join(parts)})"
    return f"[{','.join(map(_dumped, node))}]" if isinstance(node, list) else repr(node)


def _imports_of(node: ast.AST) -> Iterator[Import]:
    """What one statement imports; in `from a import b`, b may be a module or a name in a: both are given."""
    if isinstance(node, ast.Import):
        yield from ((0, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        yield node.level, base
        yield from ((node.level, f"{base}.{alias.name}".lstrip(".")) for alias in node.names)


def _absolute(name: str, level: int, path: Path) -> str:
    """Dotted name as seen from the root, for an import written in the file `path`."""
    if level == 0:
        return name
    return ".".join([*path.parts[:-level], name]).rstrip(".")


def _files_of(name: str, root: Path, package: str | None) -> list[Path]:
    """Files, relative to root, that importing the dotted name runs: the module and each __init__.py above."""
    parts = name.split(".")
    if package not in (None, parts[0]) or not all(parts):
        return []
    places = [Path(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return [file for file in files if (root / file).is_file()]
