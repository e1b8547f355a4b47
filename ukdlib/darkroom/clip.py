"""From a clip's name to its frames: who acts, where, how, and how the camera sees it.

What belongs to the group (person, clothes, place, camera, lamps, darkness, habits) is drawn from generators
keyed by (seed, group), what belongs to the clip (timing, extent, standpoint, shake, flicker, noise) by
(seed, name).
"""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from ukdlib.darkroom import body, camera, mesh, raster
from ukdlib.darkroom.camera import DEFAULT, Difficulty, generator
from ukdlib.darkroom.cast import Cast, act
from ukdlib.darkroom.motion import CLASSES
from ukdlib.darkroom.shade import shade
from ukdlib.darkroom.stage import Group, make_group

# images per frame, spread over the open shutter and over the pixel: motion blur and antialiasing at once
SUBFRAMES = 4
SUBPIXEL = np.array([[0.125, 0.375], [-0.375, 0.125], [0.375, -0.125], [-0.125, -0.375]])  # rotated grid
SHADOW_SIZE = 160  # pixels of the key lamp's view
SECONDS = (2.0, 3.0)
NAME = re.compile(rf"({'|'.join(CLASSES)})_(\d+)_(\d+)")


def difficulty_of(camera: dict[str, Any]) -> Difficulty:
    """DEFAULT with some fields changed; pairs may be lists, as YAML has them."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in camera.items()}
    return replace(DEFAULT, **fields)


def render_clip(
    name: str,
    size: tuple[int, int] = (96, 128),
    fps: float = 15,
    seed: int = 0,
    difficulty: Difficulty = DEFAULT,
) -> np.ndarray:
    """
    The frames of clip `<Class>_<group>_<clip>`: uint8 (T, H, W, 3) RGB, 2-3 s long.

    The same name, size, fps, seed and difficulty give the same bytes.
    """
    match = NAME.fullmatch(name)
    if not match:
        raise ValueError(
            f"clip name {name!r} is not <Class>_<group>_<clip> with a class of {', '.join(CLASSES)}"
        )
    group, rng = make_group(seed, int(match[2]), difficulty), generator(seed, name)
    count = int(rng.integers(round(SECONDS[0] * fps), round(SECONDS[1] * fps) + 1))
    offsets = (np.arange(SUBFRAMES) + 0.5) / SUBFRAMES * difficulty.shutter
    time = ((np.arange(count)[:, None] + offsets) / fps).ravel()
    cast = act(match[1], group, time, rng)
    light = photograph(cast, group, (size, time, difficulty), rng)
    return camera.expose(light, difficulty, generator(seed, name, "noise"), camera.tone_curve(group.tone))


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) from world to camera axes (right, down, forward); target (..., 3)."""
    forward = body.unit(np.asarray(target, float) - eye)
    steep = np.abs(forward[..., 1:2]) > 0.95
    right = body.unit(np.cross(forward, np.where(steep, [0, 0, -1.0], [0, 1.0, 0])))
    return np.stack([right, np.cross(forward, right), forward], -2)


def camera_path(
    cast: Cast, group: Group, time: np.ndarray, difficulty: Difficulty, rng: np.random.Generator
) -> np.ndarray:
    """Rotations (N, 3, 3) of the held camera: it turns a little after the actor, drifts and shakes."""
    follow = difficulty.follow * rng.uniform(0.5, 1.5)
    lag = np.exp(-np.arange(24) / 8.0)
    seen = np.pad(cast.centre, ((23, 0), (0, 0)), mode="edge")
    seen = np.stack([np.convolve(seen[:, k], lag / lag.sum(), "valid") for k in range(3)], 1)
    target = follow * seen * [1, 0, 1] + [0, rng.uniform(0.8, 1.0), 0]
    target += group.eye * rng.normal(0, 0.02, 3)
    shake = camera.hand_held(time, group.shake, rng)
    shake[:, 1] += rng.normal(0, difficulty.drift) * (time - time.mean())
    return (
        body.turn(0, shake[:, 0])
        @ body.turn(1, shake[:, 1])
        @ body.turn(2, shake[:, 2])
        @ look_at(group.eye, target)
    )


def light_path(
    group: Group, time: np.ndarray, difficulty: Difficulty, rng: np.random.Generator
) -> np.ndarray:
    """Lamps (N, L, 6) over time: the first one flickers, and the light of a car may pass by."""
    lamps = np.repeat(group.surroundings.lamps[None], len(time), 0)
    lamps[:, 0, 3:] *= camera.flicker(time, difficulty.flicker, group.flicker, rng)[:, None]
    passes = rng.random() < difficulty.passing
    speed, when = rng.choice([-1, 1]) * rng.uniform(4, 9), rng.uniform(time[0], time[-1])
    depth = rng.choice([4.5, 6.0])
    car = np.stack([speed * (time - when), 0 * time + 0.7, 0 * time + depth], 1)
    strength = rng.uniform(4, 10) * np.linalg.norm(group.surroundings.lamps[0, 3:]) / 1.7
    colour = np.ones((len(time), 3)) * [1, 0.95, 0.85] * strength
    return np.concatenate([lamps, np.concatenate([car, colour], 1)[:, None]], 1) if passes else lamps


def photograph(cast: Cast, group: Group, film: tuple, rng: np.random.Generator) -> np.ndarray:
    """Light (T, H, W, 3) on the sensor, exposed; film = (size, times of all sub-frames, difficulty)."""
    size, time, difficulty = film
    casters = [m for m, _ in cast.moving] + cast.standing + [group.surroundings.things]
    world = mesh.merge([*casters, group.surroundings.shell])
    shadow_faces = world.faces[: sum(len(m.faces) for m in casters)]
    rotations = camera_path(cast, group, time, difficulty, rng)
    lamps = light_path(group, time, difficulty, rng)
    ambient, sky = (np.asarray(v, np.float32) for v in (group.surroundings.ambient, group.surroundings.sky))
    points, normals = world.points.copy(), np.empty((len(world.faces), 3), np.float32)
    surface = normals, world.colour, world.glow, world.pattern
    lens = np.array([group.focal * size[1], size[1] / 2, size[0] / 2], np.float32)
    frames = np.zeros((len(time) // SUBFRAMES, *size, 3), np.float32)
    shadow, lamp_view = (
        np.zeros((SHADOW_SIZE, SHADOW_SIZE), np.float32),
        _lamp_view(group.surroundings.lamps[0, :3]),
    )
    for n in range(len(time)):
        first = 0
        for part, path in cast.moving:
            points[first : first + len(part.points)] = path[n]
            first += len(part.points)
        raster.face_normals(points, world.faces, normals)
        if n % SUBFRAMES == 0:
            _see(points, shadow_faces, lamp_view, (shadow, np.empty(shadow.shape, np.int32)))
        view = np.concatenate([rotations[n], group.eye[None], lens[None]]).astype(np.float32)
        view[4, 1:] += SUBPIXEL[n % SUBFRAMES]
        buffers = np.empty(size, np.float32), np.empty(size, np.int32)
        _see(points, world.faces, view, buffers)
        lighting = lamps[n].astype(np.float32), ambient, sky, lamp_view, shadow
        shade(buffers, surface, view, lighting, frames[n // SUBFRAMES], 1 / SUBFRAMES)
    frames *= camera.vignette(size, difficulty.vignette)
    return frames * camera.exposure_gain(frames[::8, ::3, ::3], group.grey)


def _lamp_view(lamp: np.ndarray) -> np.ndarray:
    lens = [0.5 * SHADOW_SIZE, SHADOW_SIZE / 2, SHADOW_SIZE / 2]
    return np.concatenate([look_at(lamp, np.array([0, 0.8, -0.2])), [lamp], [lens]]).astype(np.float32)


def _see(
    points: np.ndarray, faces: np.ndarray, view: np.ndarray, buffers: tuple[np.ndarray, np.ndarray]
) -> None:
    """Rasterise world points as a camera (rows of rotation, position, lens) sees them."""
    inverse_depth, ids = buffers
    inverse_depth[:], ids[:] = 0, -1
    raster.rasterise((points - view[3]) @ view[:3].T, faces, view[4], inverse_depth, ids)
