"""The camera: exposure, photon noise, read-out, 8 bits; camera shake, flickering lamps.

Everything that makes Darkroom hard or easy, or a day of its night, is a field of `Difficulty`.
"""

import hashlib
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Difficulty:
    """The parameters of difficulty. The defaults were chosen on baselines only."""

    grey_median: float = 17.0  # mean grey level (0-255) that a group's exposure aims at: median over groups
    grey_spread: float = 0.33  # ... standard deviation of its logarithm; darker = more noise, less texture
    grey_range: tuple[float, float] = (8.0, 31.0)  # ... and its limits
    full_well: float = 8000.0  # electrons at white: fewer = more shot noise, in RGB and flow
    read_noise: float = 1.0  # electrons: more = the darkest regions are lost first
    shake: float = 0.0015  # rad of hand-held rotation (0.2 pixels at width 128): flow of the whole picture
    drift: float = 0.004  # rad/s, slow panning of every clip: background flow unrelated to the class
    follow: float = 0.1  # share of the actor's path that the camera follows: background flow, too
    flicker: float = 0.1  # share by which flickering lamps dip: more = brightness change without motion
    passing: float = 0.1  # share of clips with passing headlights: moving shadows and shading
    shutter: float = 0.75  # share of the frame time that the shutter is open: more = motion blur
    vignette: float = 0.45  # loss of light in the corners
    contrast: float = 1.0  # of the clothes: 1 = any colour, 0 = everyone in a medium grey
    tone: tuple[float, float] = (
        1.0,
        1.0,
    )  # a group's camera raises codes to 1 / this power: above 1 brightens


DEFAULT = Difficulty()


def generator(*words: object) -> np.random.Generator:
    """A counter-based generator that depends only on the words: same words, same numbers, on any machine."""
    key = hashlib.blake2b("/".join(map(str, words)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear light (1 = white) to sRGB-encoded grey levels 0-255, not rounded."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def tone_curve(tone: float = 1.0) -> np.ndarray:
    """Codes 0-255 uint8 of linear light 0 .. 1 in equal steps: one look-up per pixel instead of two powers."""
    return np.round(255 * (encode(np.linspace(0, 1, 1 << 14)) / 255) ** (1 / tone)).astype(np.uint8)


CODES = tone_curve()


def exposure_gain(linear: np.ndarray, grey: float) -> float:
    """The gain that gives a picture in linear light the mean grey level `grey` (0-255) within 1 %."""
    low, high = 1e-5, 1e5
    for _ in range(16):
        gain = (low * high) ** 0.5
        low, high = (gain, high) if encode(gain * linear).mean() < grey else (low, gain)
    return gain


NORMAL = np.array(
    [NormalDist().inv_cdf((k + 0.5) / 4096) for k in range(4096)], np.float32
)  # standard normal quantiles
FEW = 10  # electrons: below, counts are drawn from the Poisson distribution, from here on from its normal approximation


@njit(cache=True, fastmath=True)
def _read_out(light: np.ndarray, sensor, bits: np.ndarray, tables, out: np.ndarray) -> None:
    """Electrons, read noise, 8 bits. sensor (full_well, read_noise); bits: 64 random ones per value."""
    (full_well, read_noise), (codes, normal) = sensor, tables
    scale, inverse = (len(codes) - 1) / full_well, np.ones(64)
    for count in range(1, 64):
        inverse[count] = 1 / count
    for i in range(light.size):
        mean = min(light[i], 4.0) * full_well
        noise = normal[bits[i] & np.uint64(4095)]
        if mean < FEW:
            uniform = (bits[i] >> np.uint64(24)) * 2.0**-40
            chance = np.exp(-mean)
            total, count = chance, 0
            while uniform > total and count < 63:
                count += 1
                chance *= mean * inverse[count]
                total += chance
            electrons = count + read_noise * noise
        else:
            electrons = mean + np.sqrt(mean + read_noise * read_noise) * noise
        out[i] = codes[int(min(max(electrons * scale, 0.0), len(codes) - 1.0) + 0.5)]


def expose(
    linear: np.ndarray, difficulty: Difficulty, rng: np.random.Generator, codes: np.ndarray = CODES
) -> np.ndarray:
    """
    The sensor's output for some light, as the tone curve `codes` stores it.

    linear (...) float, exposure applied, 1 = white; returns uint8 of the same shape: photons arrive as
    Poisson counts of mean linear * full_well, reading adds normal noise, black is clipped, the rest
    sRGB-encoded and rounded.
    """
    light = np.ascontiguousarray(linear, np.float32).ravel()
    out, bits = np.empty(light.size, np.uint8), rng.bit_generator.random_raw(light.size)
    _read_out(light, (difficulty.full_well, difficulty.read_noise), bits, (codes, NORMAL), out)
    return out.reshape(linear.shape)


def hand_held(time: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Rotation of a hand-held camera (T, 3) rad about x, y, z: slow drift and faster tremor, 1/f in amplitude."""
    frequency = np.array([0.35, 0.8, 1.7, 3.4, 6.5])[:, None] * rng.uniform(0.8, 1.25, (5, 3))
    strength = amplitude * frequency**-0.8 * rng.uniform(0.4, 1.2, (5, 3)) * [0.8, 1.0, 0.6]
    angle = 2 * np.pi * (frequency * time[:, None, None] + rng.random((5, 3)))
    return (strength * np.sin(angle)).sum(1)


def flicker(time: np.ndarray, depth: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Brightness (T,) of a lamp over time, at most 1: steady, a mains beat, a failing tube or a screen."""
    return FLICKERS[kind](time, depth, rng)


def _steady(time: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    return np.ones_like(time)


def _beat(time: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    return 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(0.7, 4.0) * time + rng.random())))


def _failing(time: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    off = rng.random(64) < 0.2
    return 1 - min(3 * depth, 0.9) * off[(time * 12).astype(int) % 64]


def _screen(time: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    levels = rng.uniform(1 - 2.5 * min(depth, 0.4), 1, 32)
    return levels[(time * 1.5 + rng.random()).astype(int) % 32]


FLICKERS = {"steady": _steady, "beat": _beat, "failing": _failing, "screen": _screen}


def vignette(size: tuple[int, int], loss: float) -> np.ndarray:
    """Share of light (H, W, 1) that the lens lets through: 1 in the middle, 1 - loss in the corners."""
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in size)
    return (1 - loss * (y[:, None] ** 2 + x[None] ** 2) / 2)[..., None].astype(np.float32)
