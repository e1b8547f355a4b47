"""TV-L1 agrees with OpenCV's and with known motion; its code is exact at zero and good to half a step."""

import threading
from itertools import pairwise

import cv2
import numpy as np
import pytest

from ukdlib.flow.clips import BACKENDS, dequantise, flow_ahead, flow_clip, picture, quantise, tvl1
from ukdlib.flow.tvl1_settings import PRESETS
from ukdlib.frames.gamma import correct_gamma

SIZE = (72, 96)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    cv2.setNumThreads(1)


def smooth(rng, cells: int, size=SIZE) -> np.ndarray:
    """Random image (H, W) float32 with structures of about 1 / cells of its height."""
    return cv2.resize(
        rng.standard_normal((cells, cells + 1)).astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC
    )


def texture(rng, size=SIZE) -> np.ndarray:
    grey = sum(
        weight * smooth(rng, cells, size) for cells, weight in ((6, 2.0), (12, 2.0), (24, 1.5), (48, 1.0))
    )
    return 128 + 90 * grey / np.abs(grey).max()


def warped_pair(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two grey frames uint8 (H, W) and the true flow (H, W, 2) between them, up to 2 pixels."""
    rng = np.random.default_rng(seed)
    second = texture(rng)
    flow = np.stack([smooth(rng, 4), smooth(rng, 4)], axis=-1)
    flow *= 2 / np.abs(flow).max()
    y, x = np.indices(SIZE, dtype=np.float32)
    first = cv2.remap(
        second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.rint(first).astype(np.uint8), np.rint(second).astype(np.uint8), flow


def in_the_dark(frame: np.ndarray, seed: int) -> np.ndarray:
    """The frame through a dark sensor (shot and read noise, 8 bits), gamma-corrected."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(frame * 0.4) * 0.15 + 1.5 * rng.standard_normal(frame.shape)
    return correct_gamma(np.clip(np.rint(counts), 0, 255).astype(np.uint8), 3.5)


def end_point_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean())


def clip(num_frames: int = 4) -> np.ndarray:
    """RGB clip of a texture that moves 1.5 pixels a frame to the right."""
    big = texture(np.random.default_rng(0), (72, 120)).astype(np.float32)
    shift = [np.float32([[1, 0, 1.5 * time - 12], [0, 1, 0]]) for time in range(num_frames)]
    frames = [cv2.warpAffine(big, matrix, SIZE[::-1], flags=cv2.INTER_CUBIC) for matrix in shift]
    return (
        np.stack([np.stack([frame, 0.9 * frame, 0.8 * frame], axis=-1) for frame in frames])
        .clip(0, 255)
        .astype(np.uint8)
    )


# ---------------------------------------------------------------- motion


@pytest.mark.parametrize("dark", [False, True])
def test_flow_agrees_with_opencv(dark):
    """A warp that ends one step earlier or later moves single pixels a lot: only the mean is small."""
    reference = cv2.optflow.DualTVL1OpticalFlow_create()
    errors = []
    for seed in range(6):
        pair = [
            in_the_dark(frame, 2 * seed + i) if dark else frame
            for i, frame in enumerate(warped_pair(seed)[:2])
        ]
        errors.append(end_point_error(tvl1(*pair), reference.calc(*pair, None)))
    assert np.mean(errors) < 0.02


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_known_motion_is_found(preset):
    errors = [
        end_point_error(tvl1(first, second, preset), flow)
        for first, second, flow in map(warped_pair, range(4))
    ]
    assert np.mean(errors) < 0.15


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_every_backend_finds_motion_and_codes_it(backend):
    first, second, flow = warped_pair(0)
    found = tvl1(first, second, backend=backend)
    assert end_point_error(found, flow) < (0.4 if backend == "dis" else 0.15)
    frames = np.stack([np.stack([frame] * 3, axis=-1) for frame in (first, second)])
    codes = flow_clip(frames, None if backend == "dis" else "opencv", 8, backend)
    assert (codes == quantise(found, 8)).all()


def test_the_reference_backend_is_opencv_with_the_preset_it_is_given():
    first, second, _ = warped_pair(0)
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    assert (tvl1(first, second, backend="opencv") == solver.calc(first, second, None)).all()
    fast = PRESETS["fast"]
    solver.setWarpingsNumber(fast.warps)
    solver.setOuterIterations(fast.outer)
    solver.setEpsilon(fast.epsilon)
    assert (tvl1(first, second, "fast", "opencv") == solver.calc(first, second, None)).all()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_no_motion_is_exactly_zero(preset):
    frame = warped_pair(0)[0]
    assert (tvl1(frame, frame, preset) == 0).all()
    assert (quantise(tvl1(frame, frame, preset), 20) == 128).all()


def test_a_translation_is_found_with_its_sign():
    """What moves right and down by (2, 1) pixels has u = 2, v = 1."""
    big = np.rint(texture(np.random.default_rng(1), (90, 120))).astype(np.uint8)
    flow = tvl1(big[9:81, 12:108], big[8:80, 10:106])
    np.testing.assert_allclose(np.median(flow[8:-8, 8:-8], axis=(0, 1)), [2, 1], atol=0.02)


def test_flipped_frames_have_flipped_flow_with_opposite_u():
    first, second, _ = warped_pair(2)
    flipped = tvl1(first[:, ::-1], second[:, ::-1])[:, ::-1] * np.float32([-1, 1])
    assert end_point_error(flipped, tvl1(first, second)) < 0.05


def test_a_frame_without_any_texture_has_no_flow():
    assert (tvl1(np.zeros(SIZE, np.uint8), np.full(SIZE, 9, np.uint8)) == 0).all()


@pytest.mark.parametrize("size", [(16, 16), (17, 200), (131, 33)])
def test_any_size_has_a_flow(size):
    frame = np.rint(texture(np.random.default_rng(0), size)).astype(np.uint8)
    flow = tvl1(frame, np.roll(frame, 1, axis=1))
    assert flow.shape == (*size, 2) and flow.dtype == np.float32 and np.isfinite(flow).all()
    assert abs(np.median(flow[..., 0]) - 1) < 0.1


# ---------------------------------------------------------------- clips


def test_a_clip_is_its_pairs_one_by_one():
    frames = clip()
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    pairs = [quantise(tvl1(a, b), 8) for a, b in pairwise(grey)]
    assert (flow_clip(frames, "opencv", 8) == np.stack([*pairs, pairs[-1]])).all()


def test_a_clip_moves_as_it_was_made():
    flow = dequantise(flow_clip(clip(), "fast", 8), 8)
    np.testing.assert_allclose(np.median(flow, axis=(1, 2)), np.tile([1.5, 0], (4, 1)), atol=0.1)


@pytest.mark.parametrize(
    "frames",
    [np.zeros((1, *SIZE, 3), np.uint8), np.zeros((3, *SIZE), np.uint8), np.zeros((3, *SIZE, 3), np.float32)],
)
def test_clips_of_another_kind_are_refused(frames):
    with pytest.raises(ValueError, match="flow needs frames uint8"):
        flow_clip(frames, "opencv", 20)


def test_pairs_of_another_kind_and_unknown_presets_are_refused():
    frame = np.zeros(SIZE, np.uint8)
    for other in (frame.astype(np.float32), frame[:-1], frame[None]):
        with pytest.raises(ValueError, match="flow needs two grey frames"):
            tvl1(frame, other)
    with pytest.raises(ValueError, match=r"unknown flow preset 'quick'; known: \['fast', 'opencv'\]"):
        tvl1(frame, frame, "quick")
    with pytest.raises(
        ValueError, match=r"unknown flow backend 'cuda'; known: \['dis', 'numba', 'opencv', 'torch'\]"
    ):
        tvl1(frame, frame, backend="cuda")


# ---------------------------------------------------------------- code and visualisation


@pytest.mark.parametrize("bound", [1.0, 8.0, 20.0])
def test_the_code_is_exact_at_zero_and_good_to_half_a_step(bound):
    flow = np.linspace(-bound, bound, 10001, dtype=np.float32)
    error = np.abs(dequantise(quantise(flow, bound), bound) - flow)
    assert error.max() <= bound / 254 * (1 + 1e-4)
    assert quantise(np.zeros(1), bound)[0] == 128 and dequantise(np.uint8([128]), bound)[0] == 0


def test_codes_survive_a_round_trip_and_are_symmetric():
    codes = np.arange(1, 256, dtype=np.uint8)
    flow = dequantise(codes, 20)
    assert (quantise(flow, 20) == codes).all()
    assert (flow == -flow[::-1]).all()


def test_motion_beyond_the_bound_is_clipped():
    assert quantise(np.array([-99.0, -20, 20, 99]), 20).tolist() == [1, 1, 255, 255]


@pytest.mark.parametrize("bound", [0, -1, np.inf, np.nan])
def test_impossible_bounds_are_refused(bound):
    with pytest.raises(ValueError, match="flow bound is"):
        quantise(np.zeros(1), bound)


def test_picture_shows_direction_by_hue_and_rest_as_white():
    flow = np.zeros((2, 2, 2), np.float32)
    flow[0, 0], flow[0, 1], flow[1, 0] = (3, 0), (-3, 0), (0, 1.5)
    assert picture(flow, full=3).tolist() == [
        [[255, 0, 0], [0, 255, 255]],
        [[191, 255, 128], [255, 255, 255]],
    ]


def test_picture_of_codes_is_that_of_their_flow():
    codes = np.random.default_rng(0).integers(1, 256, (3, 4, 5, 2), dtype=np.uint8)
    shown = picture(codes)
    assert shown.shape == (3, 4, 5, 3) and shown.dtype == np.uint8
    assert (np.abs(shown.astype(int) - picture(dequantise(codes, 127))) <= 1).all()


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_windows_of_many_videos_give_what_each_gives_alone_from_wherever_one_begins(backend):
    rng = np.random.default_rng(0)
    videos = {f"v{i}": rng.integers(0, 255, (3 + i, 20, 24, 3), dtype=np.uint8) for i in range(5)}

    def windows(name):
        """Three frames each, or the two that are left, of which the first is the last of the window before."""
        return (videos[name][first : first + 3] for first in range(0, len(videos[name]) - 1, 2))

    with flow_ahead(list(videos), windows, "fast", 20.0, backend) as codes:
        for name in ["v1", "v2", "v4"]:  # as after an interruption, and one left out
            assert (np.stack(list(codes(name))) == flow_clip(videos[name], "fast", 20.0, backend)).all()


def test_what_fails_in_the_thread_that_reads_is_raised_where_the_flow_is_taken():
    frames = np.random.default_rng(0).integers(0, 255, (3, 20, 24, 3), dtype=np.uint8)

    def windows(name):
        yield frames
        if name == "damaged":
            raise ValueError("damaged: its frames are not what was written")

    with flow_ahead(["whole"], windows, "fast", 20.0, "torch") as codes:
        assert len(list(codes("whole"))) == 3
    with flow_ahead(["damaged", "whole"], windows, "fast", 20.0, "torch") as codes:
        with pytest.raises(ValueError, match="damaged: its frames"):
            list(codes("damaged"))


def test_a_run_that_fails_elsewhere_leaves_no_thread_and_reads_no_further():
    """Whoever writes the codes fails; the traceback keeps what the run was about to take."""
    frames = np.random.default_rng(0).integers(0, 255, (3, 20, 24, 3), dtype=np.uint8)
    before, read = set(threading.enumerate()), []

    def windows(name):
        read.append(name)
        yield frames

    with pytest.raises(OSError, match="disk full") as failed:
        with flow_ahead([str(number) for number in range(10000)], windows, "fast", 20.0, "torch") as codes:
            taken = codes("0")
            next(taken)
            raise OSError("disk full")
    assert set(threading.enumerate()) == before and len(read) < 10000
    assert failed.value.__traceback__ is not None and taken is not None
