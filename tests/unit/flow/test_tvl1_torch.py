"""The batched flow solver: OpenCV's answer, a batch is its pairs and fits its memory, pairs at rest stay."""

import sys
import weakref

import cv2
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.flow import end_point_error, make_pairs
from ukdlib.flow import tvl1_tensors, tvl1_torch
from ukdlib.flow.clips import flow_clip, tvl1
from ukdlib.flow.tvl1_settings import PRESETS, Field, Settings, Steps
from ukdlib.flow.tvl1_tensors import TENSORS, Operations, median, plain_steps, smooth
from ukdlib.flow.tvl1_torch import (
    BUDGET,
    MOST,
    PER_PIXEL,
    batched_flows,
    operations,
    pairs_at_once,
    pyramid,
    resize,
    solve_pairs,
)  # fmt: skip

CPU = torch.device("cpu")
SIZE = (48, 64)


def tensors(pairs):
    return (torch.from_numpy(np.stack([pair[side] for pair in pairs])) for side in (0, 1))


@pytest.mark.parametrize("light", ["bright", "dark"])
def test_agrees_with_opencv(light):
    pairs = make_pairs(light, (72, 96), 3)
    flows = solve_pairs(*tensors(pairs), PRESETS["opencv"]).numpy()
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    theirs = [solver.calc(first, second, None) for first, second, _ in pairs]
    assert end_point_error(flows, theirs) < (
        0.02 if light == "bright" else 0.04
    )  # 3 small pairs; means: benchmarks/flow.py
    truth = [flow for *_, flow in pairs]
    assert end_point_error(flows, truth) < end_point_error(theirs, truth) + 0.01


def test_a_batch_is_its_pairs():
    pairs = make_pairs("dark", SIZE, 3)
    together = solve_pairs(*tensors(pairs), PRESETS["fast"])
    for pair, flow in zip(pairs, together, strict=True):
        assert torch.equal(solve_pairs(*tensors([pair]), PRESETS["fast"])[0], flow)


def test_no_motion_is_exactly_zero():
    frame = torch.from_numpy(make_pairs("dark", SIZE, 1)[0][0])[None]
    assert (solve_pairs(frame, frame, PRESETS["opencv"]) == 0).all()


def test_a_shift_is_found():
    frame = make_pairs("bright", (64, 96), 1)[0][0]
    moved = np.roll(frame, 2, axis=1)
    flow = solve_pairs(torch.from_numpy(frame)[None], torch.from_numpy(moved)[None], PRESETS["opencv"])[0]
    inner = flow[16:-16, 16:-16]
    assert abs(float(inner[..., 0].median()) - 2) < 0.05 and abs(float(inner[..., 1].median())) < 0.05


def test_flipped_frames_have_the_flipped_flow():
    first, second = tensors(make_pairs("bright", SIZE, 1))
    flow = solve_pairs(first, second, PRESETS["fast"])
    flipped = solve_pairs(first.flip(2), second.flip(2), PRESETS["fast"]).flip(2)
    difference = flow - flipped * torch.tensor([-1.0, 1.0])
    assert (
        float(difference.norm(dim=-1).mean()) < 0.05
    )  # pyramid levels and positions round their sizes from one side


def test_clips_of_several_sizes_come_back_in_order():
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((3, 24, 32), (2, 24, 32), (4, 20, 40))]
    flows = list(batched_flows(clips, PRESETS["fast"], CPU))
    assert [tuple(flow.shape) for flow in flows] == [(2, 24, 32, 2), (1, 24, 32, 2), (3, 20, 40, 2)]
    for clip, flow in zip(clips, flows, strict=True):
        alone = next(batched_flows([clip], PRESETS["fast"], CPU))
        assert torch.equal(alone, flow)


def test_the_backend_gives_codes_and_the_numba_solvers_answer():
    frames = np.stack([np.dstack([frame] * 3) for frame in make_pairs("bright", SIZE, 1)[0][:2]])
    codes, numbas = (flow_clip(frames, "opencv", 20.0, backend).astype(int) for backend in ("torch", "numba"))
    assert codes.shape == (2, *SIZE, 2) and np.abs(codes - numbas).mean() < 0.25  # a code is 0.16 px
    assert (
        np.linalg.norm(tvl1(*frames[..., 0], backend="torch") - tvl1(*frames[..., 0]), axis=-1).mean() < 0.05
    )


def test_scaling_is_opencvs():
    image = np.random.default_rng(0).uniform(0, 255, (37, 51)).astype(np.float32)
    for step in (0.8, 0.5):
        expected = cv2.resize(image, None, fx=step, fy=step)
        scaled = resize(torch.from_numpy(image), list(expected.shape), 1 / step)
        np.testing.assert_allclose(scaled.numpy(), expected, atol=2e-3)
    expected = cv2.resize(image, (80, 60))
    np.testing.assert_allclose(resize(torch.from_numpy(image), [60, 80]).numpy(), expected, atol=2e-3)
    levels = pyramid(torch.zeros(1, 240, 320, dtype=torch.uint8), Settings())
    assert [tuple(level.shape[1:]) for level in levels][:3] == [(240, 320), (192, 256), (154, 205)]


def test_the_median_is_opencvs():
    image = np.random.default_rng(0).normal(size=(2, 1, 20, 30)).astype(np.float32)
    for found, part in zip(median(torch.from_numpy(image)), image, strict=True):
        np.testing.assert_array_equal(found[0].numpy(), cv2.medianBlur(part[0], 5))


def field(seed=0, pairs=3, height=9, width=13):
    """Arrays as a warp may have them; the last pair has converged."""
    random = torch.Generator().manual_seed(seed)
    gx, gy, rho = (torch.randn(pairs, height, width, generator=random) for _ in range(3))
    flow, across, down = (0.3 * torch.randn(2, pairs, height, width, generator=random) for _ in range(3))
    across[..., -1] = 0  # no neighbour to the right, none below
    down[..., -1, :] = 0
    change = torch.zeros(6, pairs)
    change[0] = torch.tensor([np.inf, 50.0, 0.0])
    return Field(gx, gy, 1 / (gx * gx + gy * gy).clamp(min=1e-7), rho, flow, across, down), change


STEPS = Steps(limit=0.045, tightness=0.3, dual_step=0.25 / 0.3, enough=0.01)


def test_a_converged_pair_is_not_changed():
    before, after = field()[0], field()[0]
    change = field()[1]
    plain_steps(after, STEPS, change)
    for name in ("flow", "across", "down"):
        assert torch.equal(getattr(after, name)[:, 2], getattr(before, name)[:, 2])
        assert not torch.equal(getattr(after, name)[:, :2], getattr(before, name)[:, :2])
    assert (change[1:, 2] == 0).all() and (change[1:, :2] > 0).all()


def test_a_gpu_whose_kernels_cannot_be_compiled_is_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "ukdlib.flow.tvl1_triton", None)  # importing it fails
    with pytest.raises(
        RuntimeError, match=r"flow's backend torch cannot compile its kernels .*such as numba"
    ):
        operations(torch.device("cuda"))
    assert operations(CPU) is TENSORS


# ---------------------------------------------------------------- memory


class Peak(TorchDispatchMode):
    """Counts the bytes of all tensors that exist at once while it is entered; `peak` is the most of them."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = weakref.WeakSet()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage() not in self.known:
                storage = tensor.untyped_storage()
                self.known.add(storage)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._freed, storage.nbytes())
        return result

    def _freed(self, size):
        self.now -= size


AS_ON_A_GPU = Operations(  # kernels take memory for their results only
    sample=lambda images, flow: torch.zeros_like(images),
    smooth=lambda flow, moving: flow.clone(),
    step=lambda field, steps, change: None,
)


@pytest.mark.parametrize(("kind", "operations"), [("cuda", AS_ON_A_GPU), ("cpu", TENSORS)])
def test_a_pixel_takes_the_bytes_that_the_size_of_a_batch_is_computed_from(kind, operations, monkeypatch):
    monkeypatch.setattr(tvl1_torch, "operations", lambda device: operations)
    monkeypatch.setattr(tvl1_tensors, "WINDOWS", 64)  # what the median unfolds is apart: it does not grow
    clip = np.random.default_rng(0).integers(0, 255, (4, 60, 80), dtype=np.uint8)
    settings = Settings(warps=2, outer=2, inner=2)
    list(batched_flows([clip], settings, CPU))  # weights of scaling are kept
    with Peak() as peak:
        list(batched_flows([clip], settings, CPU))
    used = peak.peak / (3 * 60 * 80)
    assert 0.9 * PER_PIXEL[kind] < used <= PER_PIXEL[kind]


@pytest.mark.parametrize("kind", ["cuda", "cpu"])
def test_a_batch_fits_its_budget_whatever_the_size_of_a_frame(kind):
    def at_once(*size):
        return pairs_at_once(size, torch.device(kind))

    for height, width in [(72, 96), (240, 320), (1080, 1920)]:
        pairs = at_once(height, width)
        taken = PER_PIXEL[kind] * height * width
        assert pairs == 1 or pairs * taken <= BUDGET[kind] < (pairs + 1) * taken
    assert at_once(4320, 7680) == 1  # more than one may take, and no less can be computed
    assert at_once(16, 16) <= MOST
    assert pairs_at_once((240, 320), torch.device("cuda")) == 279
    assert pairs_at_once((1080, 1920), torch.device("cuda")) == 10


def test_a_clip_of_more_pairs_than_fit_is_what_its_parts_are(monkeypatch):
    clip = np.random.default_rng(0).integers(0, 255, (6, 20, 24), dtype=np.uint8)
    whole = next(batched_flows([clip], PRESETS["fast"], CPU))
    monkeypatch.setitem(BUDGET, "cpu", 2 * PER_PIXEL["cpu"] * 20 * 24)
    assert pairs_at_once((20, 24), CPU) == 2
    assert torch.equal(next(batched_flows([clip], PRESETS["fast"], CPU)), whole)


@pytest.mark.parametrize("windows", [1, 40, 100, 700, 10**6])
def test_the_median_is_the_same_in_parts_and_leaves_pairs_at_rest(windows, monkeypatch):
    flow = torch.randn(2, 3, 11, 13, generator=torch.Generator().manual_seed(0))
    whole = median(flow)
    monkeypatch.setattr(tvl1_tensors, "WINDOWS", windows)
    assert torch.equal(median(flow), whole)
    some = smooth(flow, torch.tensor([True, False, True]))
    assert torch.equal(some[:, ::2], whole[:, ::2]) and torch.equal(some[:, 1], flow[:, 1])


def test_the_median_of_a_large_frame_unfolds_little():
    flow = torch.zeros(2, 1, 300, 400)
    with Peak() as peak:
        median(flow)
    assert peak.peak < 2 * flow.nbytes + 2 * 2**16 * 120  # all at once: 24 MB
