"""The movable objects of every scene: a seat, a cart, an object on the floor, a cup and a bottle."""

from dataclasses import dataclass

import numpy as np

from ukdlib.darkroom.mesh import Mesh, ball, box, cone, cylinder, merge, paint


@dataclass(frozen=True)
class Furniture:
    """Meshes about their own origins on the floor; a sitter looks, and a cart goes, towards +z."""

    seat: Mesh
    seat_height: float
    cart: Mesh
    handle: float  # height at which the cart is pushed
    item: Mesh
    cup: Mesh
    bottle: Mesh


def furnish(rng: np.random.Generator) -> Furniture:
    """Something to sit on, something to push, something to pick up, a cup and a bottle."""
    height, handle = rng.uniform(0.42, 0.5), rng.uniform(0.75, 0.95)
    seat, cart = _seat(rng, height), (_crate if rng.random() < 0.5 else _trolley)(rng, handle)
    size, colour = rng.uniform(0.12, 0.24, 3), paint(rng, 0.1, 0.9, 0.9)
    thing = (
        ball((0, 0.1, 0), (0.11, 0.11, 0.11), colour) if rng.random() < 0.4 else box((0, 0, 0), size, colour)
    )
    cup = cone((0, -0.05, 0), (0.035, 0.045), 0.12, paint(rng, 0.3, 0.95, 0.7))
    glass = paint(rng, 0.1, 0.9, 0.9)
    neck = cone((0, 0.12, 0), (0.04, 0.016), 0.09, glass)
    bottle = merge([cylinder((0, -0.08, 0), 0.042, 0.2, glass), neck])
    return Furniture(seat, height, cart, handle, thing, cup, bottle)


def _seat(rng: np.random.Generator, height: float) -> Mesh:
    """A chair, a stool, a bench or a block."""
    wood = paint(rng, 0.05, 0.6, 0.7)
    if rng.random() < 0.3:
        parts = [box((0, 0, 0), (rng.uniform(0.5, 1.3), height, 0.46), wood)]
    else:
        feet = [(x, 0, z) for x in (-0.2, 0.2) for z in (-0.19, 0.19)]
        parts = [box(foot, (0.05, height - 0.06, 0.05), wood * 0.7) for foot in feet]
        parts.append(box((0, height - 0.06, 0), (0.46, 0.06, 0.44), wood))
    if rng.random() < 0.65:
        parts.append(box((0, height + 0.1, -0.22), (0.44, 0.38, 0.04), wood))
        parts += [box((x, height, -0.22), (0.05, 0.2, 0.04), wood * 0.7) for x in (-0.18, 0.18)]
    return merge(parts)


def _crate(rng: np.random.Generator, handle: float) -> Mesh:
    """A crate or a bin, pushed at its upper edge."""
    width, depth, colour = rng.uniform(0.42, 0.6), rng.uniform(0.4, 0.7), paint(rng, 0.05, 0.7, 0.8)
    body = box((0, 0.03, depth / 2), (width, handle - 0.03, depth), colour)
    return merge([body, box((0, handle - 0.05, -0.01), (width * 0.8, 0.05, 0.03), colour * 0.5)])


def _trolley(rng: np.random.Generator, handle: float) -> Mesh:
    """A flat trolley with a load and a handle bar."""
    width, depth, steel = rng.uniform(0.42, 0.6), rng.uniform(0.4, 0.7), (0.4, 0.4, 0.4)
    load = (width * 0.8, rng.uniform(0.2, 0.5), depth * 0.7)
    parts = [box((0, 0.15, depth / 2 + 0.1), (width, 0.06, depth), paint(rng, 0.05, 0.7, 0.8))]
    parts.append(box((0, 0.21, depth / 2 + 0.15), load, paint(rng, 0.05, 0.7, 0.8)))
    for side in (-1, 1):
        parts.append(box((side * width * 0.42, 0.15, 0.02), (0.04, handle - 0.15, 0.04), steel))
        wheels = [(side * width * 0.4, 0, 0.1 + z) for z in (0.05, depth - 0.05)]
        parts += [cylinder(wheel, 0.06, 0.12, (0.03, 0.03, 0.03)) for wheel in wheels]
    return merge([*parts, box((0, handle, 0.0), (width * 0.9, 0.04, 0.04), steel)])
