"""Places with walls: a room and a corridor."""

import numpy as np

from ukdlib.darkroom.mesh import PLAIN, PLANKS, SPECKLE, TILES, Mesh, ball, box, merge, paint
from ukdlib.darkroom.surroundings import COLD, MOON, WARM, Surroundings, lay_ground


def _wall_things(rng: np.random.Generator, wall: float, height: float) -> list[Mesh]:
    """Shelves, pictures, cupboards, boards along a wall at z = `wall`."""
    things = []
    for x in np.arange(-3.2, 3.3, 1.3) + rng.uniform(-0.3, 0.3):
        kind = rng.integers(6)
        if kind == 0:  # cupboard
            things.append(box((x, 0, wall + 0.25), (0.9, rng.uniform(0.8, 2.0), 0.45), paint(rng, 0.05, 0.6)))
        elif kind == 1:  # picture or board
            things.append(
                box((x, 1.2, wall + 0.03), (rng.uniform(0.4, 1.1), 0.6, 0.03), paint(rng, 0.05, 0.9, 0.8))
            )
        elif kind == 2:  # shelf with books
            things.append(box((x, 1.3, wall + 0.15), (1.0, 0.04, 0.3), paint(rng, 0.1, 0.5)))
            books = np.arange(x - 0.45, x + 0.4, 0.09)
            things += [
                box((b, 1.34, wall + 0.15), (0.07, rng.uniform(0.18, 0.3), 0.2), paint(rng, 0.05, 0.8, 0.8))
                for b in books
            ]
        elif kind == 3:  # door
            things.append(box((x, 0, wall + 0.04), (0.9, min(2.0, height), 0.06), paint(rng, 0.05, 0.7, 0.6)))
            things.append(box((x + 0.35, 0.95, wall + 0.1), (0.1, 0.04, 0.06), (0.8, 0.8, 0.7)))
        elif kind == 4:  # radiator or crate stack
            things += [
                box((x + d, 0.1, wall + 0.12), (0.08, 0.6, 0.12), paint(rng, 0.3, 0.7))
                for d in np.arange(-0.4, 0.4, 0.14)
            ]
    return things


def room(rng: np.random.Generator) -> Surroundings:
    """A room by night: a lamp on or over a table, a window, furniture along the walls, perhaps a screen."""
    wall, half = -rng.uniform(1.8, 3.4), rng.uniform(2.6, 4.0)
    ground = lay_ground(rng, int(rng.choice([TILES, PLANKS, SPECKLE])))
    colour = paint(rng, 0.25, 0.7)
    walls = [box((0, 0, wall - 0.1), (2 * half, 3, 0.1), colour, pattern=int(rng.choice([PLAIN, SPECKLE])))]
    walls += [box((s * half, 0, 0), (0.1, 3, 9), colour * rng.uniform(0.6, 1)) for s in (-1, 1)]
    walls.append(box((0, 2.8, 0), (2 * half, 0.1, 9), paint(rng, 0.4, 0.8)))
    things = _wall_things(rng, wall, 2.8)
    x = rng.uniform(-half + 0.6, half - 0.6)
    walls.append(box((x, 1.1, wall + 0.02), (1.0, 1.0, 0.04), MOON, glow=rng.uniform(0.02, 0.25)))
    things += [
        box((x, 1.1, wall + 0.05), (0.05, 1.0, 0.03), colour),
        box((x, 1.58, wall + 0.05), (1.0, 0.05, 0.03), colour),
    ]
    side = rng.choice([-1, 1])
    desk = (side * (half - 0.6), 0, rng.uniform(-1.2, -0.2))
    things.append(box((desk[0], 0.7, desk[2]), (0.8, 0.05, 1.4), paint(rng, 0.1, 0.5)))
    things += [
        box((desk[0] + dx, 0, desk[2] + dz), (0.06, 0.7, 0.06), (0.2, 0.2, 0.2))
        for dx in (-0.35, 0.35)
        for dz in (-0.6, 0.6)
    ]
    tone = WARM if rng.random() < 0.6 else COLD
    key = np.array([rng.uniform(-1.8, 1.8), rng.uniform(1.9, 2.6), rng.uniform(-0.6, 2.6)])
    walls.append(ball(key + [0, 0.1, 0], (0.12, 0.1, 0.12), tone, glow=3))
    lamps = [[*key, *tone], [desk[0], 1.1, desk[2], *(COLD * rng.uniform(0, 0.25))]]
    if rng.random() < 0.5:
        walls.append(box((desk[0], 0.8, desk[2]), (0.05, 0.35, 0.55), COLD, glow=rng.uniform(0.2, 0.8)))
    return Surroundings(
        merge([ground, *walls]),
        merge(things),
        np.array(lamps),
        rng.uniform(0.004, 0.03) * MOON,
        0 * MOON,
        (half, -wall - 0.4),
    )


def corridor(rng: np.random.Generator) -> Surroundings:
    """A long passage with doors and ceiling strips, of which only some are lit."""
    half, end = rng.uniform(1.7, 2.4), -rng.uniform(5, 10)
    ground = lay_ground(rng, int(rng.choice([TILES, TILES, PLAIN])), 0.2, 0.6)
    colour = paint(rng, 0.3, 0.75, 0.2)
    walls = [box((s * half, 0, -4), (0.1, 2.7, 20), colour) for s in (-1, 1)]
    walls += [
        box((0, 0, end), (2 * half, 2.7, 0.1), colour * 0.8),
        box((0, 2.7, -4), (2 * half, 0.1, 20), paint(rng, 0.4, 0.8)),
    ]
    things: list[Mesh] = []
    lamps: list[list] = []
    skirting = paint(rng, 0.05, 0.3)
    for z in np.arange(0.5, end, -1.9):
        lit = rng.random() < 0.4
        walls.append(box((0, 2.66, z), (0.25, 0.04, 1.1), COLD, glow=2.5 if lit else 0.0))
        for s in (-1, 1):
            if rng.random() < 0.6:
                things.append(
                    box((s * (half - 0.07), 0, z - 0.4), (0.06, 2.0, 0.9), paint(rng, 0.05, 0.6, 0.6))
                )
            elif rng.random() < 0.4:
                things.append(
                    box(
                        (s * (half - 0.2), 0, z - 0.4),
                        (0.3, rng.uniform(0.4, 1.2), 0.5),
                        paint(rng, 0.05, 0.6, 0.7),
                    )
                )
        if lit and len(lamps) < 2:
            lamps.append([0.0, 2.5, z, *COLD])
    walls += [box((s * (half - 0.06), 0, -4), (0.03, 0.14, 20), skirting) for s in (-1, 1)]
    lamps = [[rng.uniform(-0.8, 0.8), 2.4, rng.uniform(-1.5, 1.5), *COLD], *lamps]
    things.append(box((half - 0.15, 1.2, 0), (0.1, 0.5, 0.3), (0.7, 0.08, 0.05)))
    return Surroundings(
        merge([ground, *walls]),
        merge(things),
        np.array(lamps),
        rng.uniform(0.01, 0.04) * COLD,
        0 * MOON,
        (half, -end),
    )
