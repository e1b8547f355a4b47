"""A network family from outside this repository can teach by configuration alone, and its code is watched."""

import pytest

from tests.workflow.conftest import TINY
from ukdlib.knowledge.logits import read_logits
from ukdlib.learning.checkpoints import read_metadata

RUN = "results/darkroom/split0/seed0"
MODULE = """
from torch import nn


def pooled(num_classes, in_channels, *, frames, width=4):
    stem = nn.Sequential(nn.Conv3d(in_channels, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1))
    return nn.Sequential(stem, nn.Flatten(), nn.Linear(width, num_classes))
"""
OVERLAY = """
networks: {mine: {arch: "my_networks:pooled", frames: 8, width: 6}}
teachers: {mine: {network: mine, modality: rgb, recipe: train}}
fusions: {with_mine: {method: pkd, teachers: [rgb, mine], tau: 20}}
students: {rgb_mine: {network: mine, modality: rgb, recipe: train, fusion: with_mine}}
"""


@pytest.mark.slow
def test_a_users_own_family_goes_from_training_to_a_fused_student(finished, tmp_path):
    module, overlay = finished.folder / "my_networks.py", tmp_path / "mine.yaml"
    module.write_text(MODULE)
    overlay.write_text(OVERLAY)
    arguments = [f"{RUN}/students/rgb_mine/logits/test.parquet", "--configfile", TINY, str(overlay)]
    jobs = finished.plan(*arguments)
    assert jobs == {"train_teacher": 1, "export_logits": 2, "fuse_logits": 1, "distill_student": 1}
    finished.run(*arguments)
    fused = read_logits(finished.folder / RUN / "fusions/with_mine/logits/train.parquet")
    assert fused.weights.shape[1] == 2 and fused.metadata["teachers"] == "rgb,mine"
    stated = read_metadata(finished.folder / RUN / "students/rgb_mine/checkpoint.safetensors")
    assert stated["network"]["arch"] == "my_networks:pooled"

    assert finished.plan(*arguments) == {}
    module.write_text(MODULE + "\n# other prose\n")
    assert finished.plan(*arguments) == {}
    module.write_text(MODULE.replace("nn.ReLU()", "nn.GELU()"))
    assert finished.plan(*arguments)["train_teacher"] == 1
