"""TV-L1 on a GPU: its kernels are the tensor operations, its flow is the CPU's, its batches fit their budget."""

import numpy as np
import pytest
import torch

from benchmarks.flow import end_point_error, make_pairs
from tests.unit.flow.test_tvl1_torch import STEPS, field
from ukdlib.flow.clips import dequantise, flow_clip
from ukdlib.flow.tvl1_settings import PRESETS, Field
from ukdlib.flow.tvl1_tensors import TENSORS
from ukdlib.flow.tvl1_torch import BUDGET, operations, pairs_at_once, solve_pairs

pytestmark = pytest.mark.gpu
DEVICE = torch.device("cuda")
# odd sizes, images smaller than a window, more than one block
SHAPES = [(3, 9, 13), (1, 1, 1), (2, 3, 2), (2, 61, 83), (2, 240, 320)]


def frames(light, size, count, device=DEVICE):
    """First and second frames uint8 (B, H, W) of known motion."""
    pairs = make_pairs(light, size, count)
    return (torch.from_numpy(np.stack([pair[side] for pair in pairs])).to(device) for side in (0, 1))


def fields():
    """The same data of a warp twice on the device, and the summed squared updates before it."""
    (here, change), (there, _) = field(), field()
    return [Field(*(tensor.to(DEVICE) for tensor in data)) for data in (here, there)], change.to(DEVICE)


def test_steps_are_the_tensor_operations():
    (plain, kernels), expected = fields()
    measured = expected.clone()
    TENSORS.step(plain, STEPS, expected)
    operations(DEVICE).step(kernels, STEPS, measured)
    for name in ("flow", "across", "down"):
        torch.testing.assert_close(getattr(kernels, name), getattr(plain, name), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(measured, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_median_is_exact_and_leaves_pairs_at_rest(shape):
    flow = torch.randn(2, *shape, device=DEVICE)
    moving = torch.arange(shape[0], device=DEVICE) != 1
    for values in (flow, flow.round()):
        assert torch.equal(operations(DEVICE).smooth(values, moving), TENSORS.smooth(values, moving))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_warp_is_the_tensor_operations_and_exact_at_rest(shape):
    images, flow = torch.randn(3, *shape, device=DEVICE), torch.randn(2, *shape, device=DEVICE)
    for motion in (flow, 9 * flow, (64 * flow).round() / 64):
        expected = TENSORS.sample(images, motion)
        torch.testing.assert_close(operations(DEVICE).sample(images, motion), expected, rtol=0, atol=1e-5)
    assert torch.equal(operations(DEVICE).sample(images, 0 * flow), images)


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("light", ["bright", "dark"])
def test_the_flow_is_that_of_the_cpu(light, preset):
    """A warp that ends a step earlier or later moves single pixels a lot: only the mean is small."""
    found = solve_pairs(*frames(light, (72, 96), 3), PRESETS[preset]).cpu().numpy()
    expected = solve_pairs(*frames(light, (72, 96), 3, "cpu"), PRESETS[preset]).numpy()
    assert end_point_error(found, expected) < 0.04


def test_no_motion_is_exactly_zero():
    first, _ = frames("dark", (48, 64), 2)
    assert (solve_pairs(first, first, PRESETS["opencv"]) == 0).all()


def test_codes_of_a_clip_are_those_of_the_compiled_solver():
    pair = make_pairs("bright", (72, 96), 1)[0][:2]
    clip = np.stack([np.dstack([frame] * 3) for frame in pair])
    found, expected = (
        dequantise(flow_clip(clip, "opencv", 20.0, backend), 20.0) for backend in ("torch", "numba")
    )
    assert end_point_error(list(found), list(expected)) < 0.05


@pytest.mark.parametrize("size", [(240, 320), (1080, 1920)], ids=str)
def test_a_batch_takes_no_more_memory_than_its_budget(size):
    count = pairs_at_once(size, DEVICE)
    first = torch.randint(0, 255, (count, *size), dtype=torch.uint8, device=DEVICE)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() - first.nbytes
    solve_pairs(first, first.roll(1, 2), PRESETS["fast"])
    assert (
        torch.cuda.max_memory_allocated() - before < 1.1 * BUDGET["cuda"]
    )  # matrices of scaling are beside it
