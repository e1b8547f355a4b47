"""torchvision's video models come as the library makes them, on CPU-only torch too."""

import pytest
import torch

from ukdlib.networks import build_network, initial_network
from ukdlib.networks.torchvision_import import video_models
from ukdlib.networks.torchvision_zoo import MODELS, RESNETS


@pytest.mark.parametrize(("model", "clip_shape"), [("r3d_18", (8, 48, 48)), ("s3d", (16, 224, 224))])
def test_outputs_are_the_librarys_own(model, clip_shape):
    theirs = getattr(video_models(), model)(num_classes=5).eval()
    options = {"frames": clip_shape[0], "crop": clip_shape[1], "model": model}
    ours = initial_network({"arch": "torchvision", **options}, 5, 3, seed=0).eval()
    ours.load_state_dict(theirs.state_dict())
    clip = torch.rand(1, 3, *clip_shape)
    with torch.no_grad():
        assert (ours(clip) - theirs(clip)).abs().max() == 0


@pytest.mark.parametrize("model", MODELS)
def test_weights_have_the_librarys_names_and_shapes(model):
    """At the sizes that torchvision fixes, so that its published weights fit."""
    with torch.device("meta"):
        theirs = getattr(video_models(), model)(num_classes=400)
        ours = build_network("torchvision", 400, 3, frames=16, crop=224, model=model)
    shapes = [{name: value.shape for name, value in n.state_dict().items()} for n in (theirs, ours)]
    assert shapes[0] == shapes[1]
    assert str(ours) == str(theirs)  # the same modules with the same settings


@pytest.mark.parametrize("model", MODELS)
def test_every_model_takes_small_clips_of_flow(model):
    with torch.device("meta"):
        network = build_network("torchvision", 11, 2, frames=8, crop=64, model=model).eval()
        assert network(torch.zeros(1, 2, 8, 64, 64)).shape == (1, 11)


@pytest.mark.parametrize("model", [m for m in MODELS if m not in RESNETS])
def test_dropout_is_an_option(model):
    with torch.device("meta"):
        network = build_network("torchvision", 11, 3, frames=8, crop=64, model=model, dropout=0.25)
    assert 0.25 in [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
