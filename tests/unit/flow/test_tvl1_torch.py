"""The batched flow solver: OpenCV's answer, a batch is its pairs, those at rest stay."""

import cv2
import numpy as np
import pytest
import torch

from benchmarks.flow import end_point_error, make_pairs
from ukdlib.flow.clips import flow_clip, tvl1
from ukdlib.flow.tvl1_settings import PRESETS, Field, Settings, Steps
from ukdlib.flow.tvl1_tensors import median, plain_steps
from ukdlib.flow.tvl1_torch import batched_flows, pyramid, resize, solve_pairs

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
