"""What a place is made of: meshes, lamps, ambient light; and what all places share."""

from dataclasses import dataclass

import numpy as np

from ukdlib.darkroom.mesh import Mesh, box, paint

WARM, COLD, SODIUM, MOON = (
    np.array(c) for c in ((1, 0.78, 0.5), (0.75, 0.9, 1), (1, 0.6, 0.22), (0.55, 0.7, 1))
)


@dataclass(frozen=True)
class Surroundings:
    """Meshes and light. shell: floor, walls and lamps, which cast no shadow; things: what does.

    lamps (L, 6): position and colour; ambient, sky (3,) linear light.
    """

    shell: Mesh
    things: Mesh
    lamps: np.ndarray
    ambient: np.ndarray
    sky: np.ndarray
    free: tuple[float, float]  # m of empty floor: to either side, and towards the back


def lay_ground(rng: np.random.Generator, pattern: int, low=0.1, high=0.45) -> Mesh:
    """A floor (40 x 30 m) of one pattern, painted between two brightnesses."""
    return box((0, -0.1, -4), (40, 0.1, 30), paint(rng, low, high), pattern=pattern)
