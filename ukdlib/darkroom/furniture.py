"""The movable things that stand in every place: a seat, a cart, a thing on the floor, a cup and a bottle."""

from dataclasses import dataclass

import numpy as np

from ukdlib.darkroom.mesh import Mesh, ball, box, cone, cylinder, merge, paint


@dataclass(frozen=True)
class Furniture:
    """Movable things, each around its own origin on the floor; +z is where a sitter looks and where a cart
    goes.
    """

    seat: Mesh
    seat_height: float
    cart: Mesh
    handle: float  # height at which the cart is pushed
    item: Mesh
    cup: Mesh
    bottle: Mesh


def furnish(rng: np.random.Generator) -> Furniture:
    """Something to sit on, something to push, something to pick up, a cup and a bottle."""
    height = rng.uniform(0.42, 0.5)
    wood = paint(rng, 0.05, 0.6, 0.7)
    seat = [box((0, height - 0.06, 0), (0.46, 0.06, 0.44), wood)]
    if rng.random() < 0.3:
        seat = [box((0, 0, 0), (rng.uniform(0.5, 1.3), height, 0.46), wood)]
    else:
        seat += [
            box((x, 0, z), (0.05, height - 0.06, 0.05), wood * 0.7)
            for x in (-0.2, 0.2)
            for z in (-0.19, 0.19)
        ]
    if rng.random() < 0.65:
        seat += [box((0, height + 0.1, -0.22), (0.44, 0.38, 0.04), wood)]
        seat += [box((x, height, -0.22), (0.05, 0.2, 0.04), wood * 0.7) for x in (-0.18, 0.18)]
    handle = rng.uniform(0.75, 0.95)
    cart_colour = paint(rng, 0.05, 0.7, 0.8)
    width, depth = rng.uniform(0.42, 0.6), rng.uniform(0.4, 0.7)
    if rng.random() < 0.5:  # a crate or a bin
        cart = [box((0, 0.03, depth / 2), (width, handle - 0.03, depth), cart_colour)]
        cart += [box((0, handle - 0.05, -0.01), (width * 0.8, 0.05, 0.03), cart_colour * 0.5)]
    else:  # a trolley
        cart = [box((0, 0.15, depth / 2 + 0.1), (width, 0.06, depth), cart_colour)]
        cart += [
            box(
                (0, 0.21, depth / 2 + 0.15),
                (width * 0.8, rng.uniform(0.2, 0.5), depth * 0.7),
                paint(rng, 0.05, 0.7, 0.8),
            )
        ]
        cart += [
            box((s * width * 0.42, 0.15, 0.02), (0.04, handle - 0.15, 0.04), (0.4, 0.4, 0.4)) for s in (-1, 1)
        ]
        cart += [box((0, handle, 0.0), (width * 0.9, 0.04, 0.04), (0.4, 0.4, 0.4))]
        cart += [
            cylinder((s * width * 0.4, 0, 0.1 + d), 0.06, 0.12, (0.03, 0.03, 0.03))
            for s in (-1, 1)
            for d in (0.05, depth - 0.05)
        ]
    size, colour = rng.uniform(0.12, 0.24, 3), paint(rng, 0.1, 0.9, 0.9)
    item = (
        ball((0, 0.1, 0), (0.11, 0.11, 0.11), colour) if rng.random() < 0.4 else box((0, 0, 0), size, colour)
    )
    cup = cone((0, -0.05, 0), (0.035, 0.045), 0.12, paint(rng, 0.3, 0.95, 0.7))
    glass = paint(rng, 0.1, 0.9, 0.9)
    bottle = merge(
        [cylinder((0, -0.08, 0), 0.042, 0.2, glass), cone((0, 0.12, 0), (0.04, 0.016), 0.09, glass)]
    )
    return Furniture(merge(seat), height, merge(cart), handle, item, cup, bottle)
