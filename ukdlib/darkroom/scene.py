"""Places where the actor acts: five kinds of surroundings with their lamps.

A place is drawn once for a group and serves all its classes, so the background does not tell the action. The
stage is the floor round the origin; the camera stands at positive z and looks along -z.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ukdlib.darkroom.mesh import (
    PLAIN,
    PLANKS,
    SPECKLE,
    TILES,
    WINDOWS,
    Mesh,
    ball,
    box,
    cone,
    cylinder,
    merge,
    paint,
)

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


def _ground(rng: np.random.Generator, pattern: int, low=0.1, high=0.45) -> Mesh:
    return box((0, -0.1, -4), (40, 0.1, 30), paint(rng, low, high), pattern=pattern)


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
    ground = _ground(rng, int(rng.choice([TILES, PLANKS, SPECKLE])))
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
    ground = _ground(rng, int(rng.choice([TILES, TILES, PLAIN])), 0.2, 0.6)
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


def _tree(rng: np.random.Generator, x: float, z: float) -> list[Mesh]:
    height = rng.uniform(1.6, 2.6)
    crown = [
        ball(
            (x + dx, height + 0.5 + dy, z + dz), rng.uniform(0.5, 1.0, 3), (0.06, 0.13, 0.04), pattern=SPECKLE
        )
        for dx, dy, dz in rng.uniform(-0.5, 0.5, (3, 3))
    ]
    return [cylinder((x, 0, z), 0.13, height + 0.3, (0.12, 0.08, 0.05)), *crown]


def _car(rng: np.random.Generator, x: float, z: float) -> list[Mesh]:
    colour = paint(rng, 0.02, 0.8, 0.9)
    wheels = [cylinder((x + dx, 0.02, z + 0.75), 0.32, 0.5, (0.02, 0.02, 0.02)) for dx in (-1.3, 1.3)]
    body = [
        box((x, 0.25, z), (4.1, 0.6, 1.7), colour),
        box((x + 0.2, 0.85, z), (2.2, 0.55, 1.5), (0.04, 0.05, 0.07)),
    ]
    return [
        *body,
        *wheels,
        box((x - 2.06, 0.6, z + 0.6), (0.04, 0.12, 0.25), (1, 0.2, 0.1), glow=rng.choice([0.0, 0.6])),
    ]


def _street_lamp(x: float, z: float, tone: np.ndarray) -> list[Mesh]:
    return [
        cone((x, 0, z), (0.07, 0.05), 3.6, (0.2, 0.2, 0.2)),
        ball((x, 3.6, z), (0.2, 0.15, 0.2), tone, glow=3.5),
    ]


def street(rng: np.random.Generator) -> Surroundings:
    """A pavement before houses with lit windows, street lamps, parked cars, bins."""
    tone = SODIUM if rng.random() < 0.6 else COLD
    facade = -rng.uniform(3.0, 7.0)
    shell = [_ground(rng, int(rng.choice([SPECKLE, TILES])), 0.1, 0.3)]
    for x in np.arange(-14, 14, 5.6) + rng.uniform(-2, 2):
        shell.append(
            box((x, 0, facade - 3), (5.6, rng.uniform(4, 11), 6), paint(rng, 0.1, 0.5, 0.5), pattern=WINDOWS)
        )
    things = [box((0, 0, facade + 1.0), (40, 0.15, 1.4), paint(rng, 0.2, 0.5))]
    lamps = []
    for x in (rng.uniform(-3.5, -0.8), rng.uniform(0.8, 3.5)):
        z = facade + rng.uniform(0.6, 2.0)
        pole, bulb = _street_lamp(x, z, tone)
        things.append(pole)
        shell.append(bulb)
        lamps.append([x, 3.4, z, *(tone * rng.uniform(1, 3))])
    if rng.random() < 0.7:
        things += _car(rng, rng.uniform(-3, 3), facade + 1.8)
    things += [
        box((rng.uniform(-3, 3), 0, facade + 0.7), (0.5, 1.0, 0.5), paint(rng, 0.03, 0.4, 0.7))
        for _ in range(2)
    ]
    if rng.random() < 0.5:
        things += _tree(rng, rng.choice([-2.6, 2.6]), -1.9)
    key = [rng.uniform(-3, 3), rng.uniform(2.8, 4), rng.uniform(-1, 3), *(tone * rng.uniform(2, 5))]
    return Surroundings(
        merge(shell),
        merge(things),
        np.array([key, *lamps]),
        rng.uniform(0.01, 0.05) * MOON,
        0.02 * SODIUM,
        (9, -facade - 1.6),
    )


def park(rng: np.random.Generator) -> Surroundings:
    """Grass or gravel with bushes, trees, a railing, a lamp, and the lights of a town far away."""
    tone = SODIUM if rng.random() < 0.4 else WARM
    shell = [
        box(
            (0, -0.1, -10),
            (60, 0.1, 40),
            rng.uniform(0.6, 1.5) * np.array([0.1, 0.16, 0.06]),
            pattern=SPECKLE,
        )
    ]
    shell.append(
        box(
            (rng.uniform(-1, 1), -0.09, 0),
            (rng.uniform(1.5, 3), 0.1, 40),
            paint(rng, 0.2, 0.4),
            pattern=SPECKLE,
        )
    )
    for x in np.arange(-18, 18, 4.5):
        shell.append(box((x, 0, -16), (4.5, rng.uniform(1.5, 7), 1), paint(rng, 0.05, 0.2), pattern=WINDOWS))
    things = []
    for _ in range(7):
        x, z = rng.uniform(-4.5, 4.5), rng.uniform(-5, -1.7)
        things.append(ball((x, 0.3, z), rng.uniform(0.35, 0.9, 3), (0.07, 0.15, 0.05), pattern=SPECKLE))
    for x in rng.uniform(-4, 4, 3):
        things += _tree(rng, x, rng.uniform(-6, -2.4))
    rail = -rng.uniform(1.6, 3.0)
    if rng.random() < 0.6:
        things += [box((0, h, rail), (14, 0.05, 0.05), (0.35, 0.35, 0.35)) for h in (0.5, 1.0)]
        things += [box((x, 0, rail), (0.06, 1.0, 0.06), (0.35, 0.35, 0.35)) for x in np.arange(-6, 6.1, 1.2)]
    x, z = rng.choice([-1, 1]) * rng.uniform(1.2, 2.8), rng.uniform(-3, -1)
    pole, bulb = _street_lamp(x, z, tone)
    key = [rng.uniform(-3, 3), rng.uniform(2.4, 4), rng.uniform(-0.5, 3.5), *(tone * rng.uniform(1, 4))]
    lamps = np.array([key, [x, 3.4, z, *(tone * rng.uniform(1, 3))]])
    return Surroundings(
        merge([*shell, bulb]),
        merge([*things, pole]),
        lamps,
        rng.uniform(0.01, 0.06) * MOON,
        0.03 * MOON,
        (9, -rail),
    )


def garage(rng: np.random.Generator) -> Surroundings:
    """A low hall with pillars, painted lines, parked cars and a few tubes."""
    ground = _ground(rng, PLAIN, 0.15, 0.4)
    wall = -rng.uniform(4, 8)
    shell = [
        ground,
        box((0, 2.6, -4), (40, 0.1, 30), paint(rng, 0.2, 0.5)),
        box((0, 0, wall), (40, 2.6, 0.1), paint(rng, 0.2, 0.6)),
    ]
    shell.append(box((0, 0.8, wall + 0.06), (40, 0.25, 0.02), paint(rng, 0.1, 0.9, 0.9)))
    shell += [
        box((x, 0.0, -2), (0.12, 0.004, 5), (0.7, 0.65, 0.3))
        for x in np.arange(-7.5, 7.6, 2.5) + rng.uniform(-1, 1)
    ]
    things = []
    for x in np.arange(-6, 6.1, 4) + rng.uniform(-1.2, 1.2):
        for z in (-2.2, -6.0):
            things.append(box((x, 0, z), (0.4, 2.6, 0.4), paint(rng, 0.3, 0.6, 0.2)))
            things.append(box((x, 0, z), (0.42, 0.9, 0.42), (0.5, 0.38, 0.05)))
    for x in rng.uniform(-5, 5, 2):
        things += _car(rng, x, wall + 1.4)
    lamps = [[rng.uniform(-1.5, 1.5), 2.4, rng.uniform(-0.5, 2.5), *(COLD * 1.3)]]
    for x, z in rng.uniform((-4, wall + 1), (4, -1), (3, 2)):
        lit = len(lamps) < 3 and rng.random() < 0.7
        shell.append(box((x, 2.5, z), (1.2, 0.06, 0.15), COLD, glow=2.5 if lit else 0.0))
        if lit:
            lamps.append([x, 2.4, z, *(COLD * rng.uniform(0.6, 1.5))])
    return Surroundings(
        merge(shell),
        merge(things),
        np.array(lamps),
        rng.uniform(0.005, 0.03) * COLD,
        0 * MOON,
        (9, -wall - 1.5),
    )


SURROUNDINGS: dict[str, Callable[[np.random.Generator], Surroundings]] = {
    "room": room,
    "street": street,
    "corridor": corridor,
    "park": park,
    "garage": garage,
}
