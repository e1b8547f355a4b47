"""
Downloaded weights: fetched once, kept only if their hash is the stated one.

A source is a URL, or a name published by torchvision or pytorchvideo: `R3D_18_Weights.KINETICS400_V1`,
`pytorchvideo/slowfast_r50`. File names of torchvision and MMAction2 end in the first 8 digits of their sha256.
"""

import hashlib
import http.client
import importlib
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ukdlib.artifacts.sealing import beside
from ukdlib.networks.torchvision_import import roi_align_left_out, video_models

HUB = ("slowfast", "resnet", "csn", "x3d", "r2plus1d", "vision_transformers", "efficient_x3d_mobile_cpu")
SECONDS = 60  # without an answer
BLOCK = 1 << 20  # bytes
LARGEST = 20 * 10**9  # bytes of one file; the largest published video networks have 4


def address_of(place: str, settings: dict[str, Any]) -> tuple[str, str]:
    """
    (URL, beginning of the sha256 in hex) of an entry with `url` or `enum`, and optionally `sha256`.

    Raises ValueError if the name is unknown or no hash is stated, either here or in the file's name.
    """
    url = settings["url"] if "url" in settings else _published(place, settings["enum"])
    in_name = re.search(r"-([0-9a-f]{8})\.pth$", url)
    stated = settings.get("sha256") or (in_name[1] if in_name else None)
    if stated is None:
        raise ValueError(
            f"{place} lacks 'sha256': the name of {_public(url)} does not contain it, "
            "and without it the file cannot be checked"
        )
    return url, stated


def fetch(url: str, sha256: str, path: str | Path, place: str) -> None:
    """
    Download to `path`, at most LARGEST bytes, and nothing is left of it if it fails.

    Raises OSError without a network or if the answer breaks off, ValueError if it is too long or its hash does not
    begin with `sha256`. Messages show the URL without user, password and query.
    """
    shown = _public(url)
    with beside(path) as part:
        Path(part).parent.mkdir(parents=True, exist_ok=True)
        try:
            found = _download(url, part)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            raise OSError(
                f"{place}: {shown} cannot be downloaded: {type(error).__name__}: {error}. "
                "Without a network, download it elsewhere and set `file:` to its path"
            ) from None
        if found is None:
            raise ValueError(f"{place}: {shown} is longer than {LARGEST / 1e9:g} GB; it was deleted")
        if not found.startswith(sha256):
            raise ValueError(f"{place}: {shown} has the sha256 {found}, not {sha256}; it was deleted")


def _download(url: str, part: Path) -> str | None:
    """The sha256 of what is written to `part`; None if there is more than LARGEST bytes."""
    digest, size = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=SECONDS) as answer, open(part, "wb") as file:
        while block := answer.read(BLOCK):
            size += len(block)
            if size > LARGEST:
                return None
            digest.update(block)
            file.write(block)
        if missing := getattr(answer, "length", 0):
            raise http.client.IncompleteRead(b"", missing)
    return digest.hexdigest()


def _public(url: str) -> str:
    """Without user, password, query and fragment, which may be secret."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _published(place: str, name: str) -> str:
    """The URL of a name published by torchvision or pytorchvideo."""
    library, _, model = name.rpartition("/")
    known = _pytorchvideo_addresses() if library == "pytorchvideo" else _torchvision_addresses()
    if (model or name) not in known:
        raise ValueError(f"{place}.enum is {name!r}; known: {sorted(known)}")
    return known[model or name]


def _torchvision_addresses() -> dict[str, str]:
    models = video_models()
    groups = [value for key, value in vars(models).items() if key.endswith("_Weights")]
    return {f"{group.__name__}.{entry.name}": entry.url for group in groups for entry in group}


def _pytorchvideo_addresses() -> dict[str, str]:
    video_models()  # declares the operators that the hub's modules need
    with roi_align_left_out():
        modules = [importlib.import_module(f"pytorchvideo.models.hub.{name}") for name in HUB]
    found: dict[str, str] = {}
    for module in modules:
        found |= getattr(module, "checkpoint_paths", {})
    return found
