"""Places where the actor acts: five kinds of surroundings with their lamps.

A place is drawn once for a group and used for all its classes, so the background does not reveal the action. The
stage is the floor round the origin; the camera stands at positive z and looks along -z.
"""

from collections.abc import Callable

import numpy as np

from ukdlib.darkroom.indoors import corridor, room
from ukdlib.darkroom.outdoors import garage, park, street
from ukdlib.darkroom.surroundings import Surroundings

SURROUNDINGS: dict[str, Callable[[np.random.Generator], Surroundings]] = {
    "room": room,
    "street": street,
    "corridor": corridor,
    "park": park,
    "garage": garage,
}
