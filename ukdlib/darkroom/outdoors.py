"""Places where people walk and park: a street, a park, a garage."""

import numpy as np

from ukdlib.darkroom.mesh import PLAIN, SPECKLE, TILES, WINDOWS, Mesh, ball, box, cone, cylinder, merge, paint
from ukdlib.darkroom.surroundings import COLD, MOON, SODIUM, WARM, Surroundings, lay_ground


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
    shell = [lay_ground(rng, int(rng.choice([SPECKLE, TILES])), 0.1, 0.3)]
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
    ground = lay_ground(rng, PLAIN, 0.15, 0.4)
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
