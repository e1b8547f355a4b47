"""TV-L1's Triton kernels without a GPU: in Triton's interpreter they are the tensor operations, and they compile."""

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed (it comes with `.[dev]` on Linux)")

STEPS = """
from tests.unit.flow.test_tvl1_torch import STEPS, field
(plain, expected), (kernels, measured) = field(), field()
TENSORS.step(plain, STEPS, expected)
KERNELS.step(kernels, STEPS, measured)
for name in ("flow", "across", "down"):
    torch.testing.assert_close(getattr(kernels, name), getattr(plain, name), rtol=1e-5, atol=1e-6)
torch.testing.assert_close(measured, expected, rtol=1e-4, atol=1e-6)
"""

# odd sizes, images smaller than a window, more than one block, and pairs that do not move among others that do
SHAPES = [(3, 9, 13), (1, 1, 1), (2, 3, 2), (1, 4, 5), (2, 20, 31), (1, 2, 700)]
IMAGES = """
random = torch.Generator().manual_seed(0)
for shape in {shapes}:
    flow, images = torch.randn(2, *shape, generator=random), torch.randn(3, *shape, generator=random)
    moving = torch.arange(shape[0]) != 1
"""
SMOOTH = """
    for values in (flow, flow.round()):  # without and with equal values
        assert torch.equal(KERNELS.smooth(values, moving), TENSORS.smooth(values, moving)), shape
"""
SAMPLE = """
    whole = torch.zeros_like(flow).random_(-2, 3, generator=random)
    for motion in (flow, 9 * flow, (64 * flow).round() / 64, whole):  # also far outside, and halves of a step
        torch.testing.assert_close(KERNELS.sample(images, motion), TENSORS.sample(images, motion), rtol=0, atol=2e-6)
    assert torch.equal(KERNELS.sample(images, 0 * flow), images)
"""
FLOW = """
from benchmarks.flow import make_pairs
from ukdlib.flow import tvl1_torch
from ukdlib.flow.tvl1_settings import Settings
first, second = (torch.from_numpy(frame)[None] for frame in make_pairs("bright", (20, 24), 1)[0][:2])
settings = Settings(warps=2, outer=2, inner=4)
expected = tvl1_torch.solve_pairs(first, second, settings)
tvl1_torch.operations = lambda device: KERNELS
torch.testing.assert_close(tvl1_torch.solve_pairs(first, second, settings), expected, rtol=1e-3, atol=1e-3)
assert expected.abs().max() > 0.1 and (tvl1_torch.solve_pairs(first, first, settings) == 0).all()
"""
CASES = {"steps": STEPS, "median": IMAGES + SMOOTH, "warp": IMAGES + SAMPLE, "a whole flow": FLOW}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_kernels_are_the_tensor_operations_in_tritons_interpreter(code):
    head = "import torch\nfrom ukdlib.flow.tvl1_tensors import TENSORS\nfrom ukdlib.flow.tvl1_triton import KERNELS"
    program = f"{head}\n{code.replace('{shapes}', str(SHAPES))}\nprint('equal')"
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.stdout == "equal\n", done.stderr


def test_the_kernels_warp_three_images_or_refuse():
    import torch

    from ukdlib.flow.tvl1_triton_images import sample

    with pytest.raises(ValueError, match="not 2 images"):
        sample(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))


# ---------------------------------------------------------------- compiled for GPUs that are not here


def compiled(kernel, types, constants, capability):
    """A kernel for NVIDIA GPUs of this capability, as Triton would make it at run time."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = dict(zip(kernel.arg_names, [*types, *["constexpr"] * len(constants)], strict=True))
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32))


def kernels():
    from ukdlib.flow import tvl1_triton, tvl1_triton_images

    array, flag, whole, number = "*fp32", "*i1", "i32", "fp32"
    images = tvl1_triton_images
    steps, pixels = {"BLOCK": tvl1_triton.BLOCK}, {"BLOCK": images.BLOCK}
    rounding = {"SUBPIXEL": images.SUBPIXEL, "WHOLE": images.WHOLE}
    return {
        "primal": (tvl1_triton._primal, [array] * 9 + [whole] * 3 + [number] * 3, steps),
        "dual": (tvl1_triton._dual, [array] * 4 + [whole] * 3 + [number] * 2, steps),
        "warp": (images._sample, [array] * 3 + [whole] * 3, {**rounding, **pixels}),
        "median": (images._smooth, [array, flag, array] + [whole] * 3, pixels),
    }


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("name", ["primal", "dual", "warp", "median"])
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
def test_a_kernel_compiles_for_gpus_of_two_generations(name, capability, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    code = compiled(*kernels()[name], capability)
    assert f".target sm_{capability}" in code.asm["ptx"] and code.asm["cubin"].startswith(b"\x7fELF")
    assert code.metadata.shared <= 1024  # bytes: the number of programs per processor is not limited by it
    if (
        name == "median"
    ):  # 188 of two values' minima and maxima are needed, for two windows of a thread and u and v
        assert len(re.findall(r"\b(?:min|max)\.f32", code.asm["ptx"])) == 188 * 2 * 2
