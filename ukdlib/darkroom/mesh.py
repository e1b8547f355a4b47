"""Triangle meshes with a material per face, and the solids that rooms, streets and props are made of.

World axes everywhere in darkroom: x to the right, y up, z towards the camera's side; metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

PLAIN, TILES, PLANKS, SPECKLE, WINDOWS = range(
    5
)  # surface patterns; raster.py draws them from world positions


@dataclass(frozen=True)
class Mesh:
    """V points and F triangles.

    points (V, 3) m; faces (F, 3) rows of `points`; colour (F, 3) reflected share of linear light, 0-1;
    glow (F,) emitted light, 0 for all but lamps; pattern (F,) one of the patterns above.
    """

    points: np.ndarray
    faces: np.ndarray
    colour: np.ndarray
    glow: np.ndarray
    pattern: np.ndarray


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several, in order."""
    first = np.cumsum([0, *(len(m.points) for m in meshes)])
    faces = np.concatenate([m.faces + start for m, start in zip(meshes, first, strict=False)])
    parts = [np.concatenate([getattr(m, name) for m in meshes]) for name in ("colour", "glow", "pattern")]
    return Mesh(np.concatenate([m.points for m in meshes]), faces.astype(np.int32), *parts)


def solid(points: np.ndarray, faces: np.ndarray, colour: ArrayLike, glow=0.0, pattern=PLAIN) -> Mesh:
    """A mesh of one material."""
    count = len(faces)
    return Mesh(
        np.asarray(points, np.float32),
        np.asarray(faces, np.int32),
        np.broadcast_to(np.asarray(colour, np.float32), (count, 3)).copy(),
        np.full(count, glow, np.float32),
        np.full(count, pattern, np.int32),
    )


def moved(mesh: Mesh, position: ArrayLike, yaw: float = 0.0) -> Mesh:
    """The mesh turned by `yaw` [rad] about its vertical axis and shifted to `position`."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    points = (mesh.points @ rotation.T + np.asarray(position)).astype(np.float32)
    return Mesh(points, mesh.faces, mesh.colour, mesh.glow, mesh.pattern)


CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (0, 1) for z in (-0.5, 0.5)])
SIDES = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
BOX_FACES = np.concatenate([SIDES[:, [0, 1, 2]], SIDES[:, [0, 2, 3]]])


def box(base: ArrayLike, size: ArrayLike, colour: ArrayLike, glow=0.0, pattern=PLAIN) -> Mesh:
    """A box standing on the middle of its base; size (width x, height y, depth z)."""
    return solid(CORNERS * np.asarray(size) + np.asarray(base), BOX_FACES, colour, glow, pattern)


def cylinder(base: ArrayLike, radius: float, height: float, colour: ArrayLike, glow=0.0) -> Mesh:
    """An upright prism of eight sides standing on the middle of its base."""
    return cone(base, (radius, radius), height, colour, glow)


def cone(base: ArrayLike, radii: tuple[float, float], height: float, colour, glow=0.0) -> Mesh:
    """An upright truncated cone of eight sides; radii at the bottom and at the top."""
    angle = np.arange(8) * np.pi / 4
    ring = np.stack([np.cos(angle), np.zeros(8), np.sin(angle)], 1)
    points = np.concatenate([ring * radii[0], ring * radii[1] + [0, height, 0], [[0, 0, 0], [0, height, 0]]])
    i, j = np.arange(8), (np.arange(8) + 1) % 8
    low, high = np.full(8, 16), np.full(8, 17)
    faces = np.concatenate(
        [np.stack(f, 1) for f in ((i, j, j + 8), (i, j + 8, i + 8), (low, i, j), (high, i + 8, j + 8))]
    )
    return solid(points + np.asarray(base), faces, colour, glow)


def ball(centre: ArrayLike, radii: ArrayLike, colour: ArrayLike, glow=0.0, pattern=PLAIN) -> Mesh:
    """An ellipsoid of three rings of eight points."""
    angle = np.arange(8) * np.pi / 4
    heights = np.array([-0.7, 0.0, 0.7])
    ring = np.stack([np.cos(angle), np.zeros(8), np.sin(angle)], 1)
    points = [ring * np.sqrt(1 - h * h) + [0, h, 0] for h in heights] + [[[0, -1, 0], [0, 1, 0]]]
    i, j = np.arange(8), (np.arange(8) + 1) % 8
    south, north = np.full(8, 24), np.full(8, 25)
    faces = [
        np.stack(f, 1) for k in (0, 8) for f in ((i + k, j + k, j + k + 8), (i + k, j + k + 8, i + k + 8))
    ]
    faces += [np.stack((south, i, j), 1), np.stack((north, i + 16, j + 16), 1)]
    return solid(
        np.concatenate(points) * np.asarray(radii) + np.asarray(centre),
        np.concatenate(faces),
        colour,
        glow,
        pattern,
    )


def paint(rng: np.random.Generator, low: float, high: float, colourful: float = 0.35) -> np.ndarray:
    """A colour of random lightness (linear, `low`-`high`) and a little tint."""
    return rng.uniform(low, high) * (1 - colourful * rng.random(3))
