"""
What a network has seen: the videos that it and the weights it began with were trained on, by name and by content.

It travels with each network, so that a leak is found by intersection, through whatever copy of a file or of a video it
comes. Of third-party weights and logits nobody knows; their names travel instead and are shown in the tables.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Seen:
    """videos: "data set/video" -> hash of its frames; unknown: weights and logits whose training nobody knows."""

    videos: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    @classmethod
    def stated(cls, path: str | Path, metadata: dict[str, Any]) -> "Seen":
        """What the metadata of the checkpoint `path` state; ValueError if they do not."""
        if "seen" not in metadata:
            raise ValueError(f"{path}: its metadata do not state what it has seen; train it again")
        return cls(**metadata["seen"])

    def and_also(self, other: "Seen") -> "Seen":
        """Both together."""
        return Seen({**self.videos, **other.videos}, sorted({*self.unknown, *other.unknown}))

    def as_json(self) -> dict[str, Any]:
        """For metadata; the same videos give the same text."""
        return {**asdict(self), "videos": dict(sorted(self.videos.items()))}

    def refuse_leak(self, place: str, held_out: dict[str, str], shown: Collection[str] = ()) -> None:
        """
        ValueError if a video that is held out, name -> hash, was seen: under its name, or under another.

        shown: names of the training videos of this split. That one of them has the frames of a held-out one is a
        fault of the data, which leaks.csv and the report list, not of the network.
        """
        contents = {content for name, content in self.videos.items() if name not in shown}
        leaks = sorted(
            name for name, content in held_out.items() if name in self.videos or content in contents
        )
        if leaks:
            raise ValueError(
                f"{place}: leak: {len(leaks)} of {len(held_out)} videos that are held out from this training were "
                f"seen by it or by the weights that it began with: {_listed(leaks)}. Begin with other weights"
            )


def _listed(names: Iterable[str]) -> str:
    first = list(names)
    return ", ".join(first[:SHOWN]) + (" and others" if len(first) > SHOWN else "")
