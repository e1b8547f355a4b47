"""The knowledge page of a finished run says what the files of logits say, and what is missing."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.results.test_knowledge_page import data_of
from tests.workflow.conftest import TINY
from ukdlib.knowledge.logits import read_logits

RUN = "results/darkroom/split0/seed0"
PAGE = "results/darkroom/knowledge.html"


def probabilities(path):
    """Video -> mean of the probabilities (C,) of its views."""
    rows = read_logits(path)
    shifted = np.exp(rows.logits - rows.logits.max(axis=1, keepdims=True))
    table = pd.DataFrame(shifted / shifted.sum(axis=1, keepdims=True)).groupby(rows.video_ids).mean()
    return {video: table.loc[video].to_numpy() for video in table.index}


@pytest.mark.slow
def test_the_page_says_what_the_logits_say(finished, tmp_path):
    overlay = tmp_path / "known.yaml"
    overlay.write_text("knowledge: {student: rgb_ukd_oof}\n")
    arguments = (PAGE, "--configfile", TINY, str(overlay))
    plan = finished.plan(*arguments)
    assert set(plan) <= {"export_logits", "gather_knowledge", "draw_knowledge_page"}
    finished.run(*arguments)
    text = (finished.folder / PAGE).read_text()
    data = data_of(text)
    assert data["teachers"] == ["rgb", "flow"] and "No out-of-fold" not in text
    subsets = pd.read_parquet(finished.folder / RUN / "../subsets.parquet").set_index("video_id")
    assert {clip["id"]: (clip["subset"], clip["label"]) for clip in data["clips"]} == {
        video: (row.subset, row.label) for video, row in subsets.iterrows()
    }
    for k, teacher in enumerate(data["teachers"]):
        folder = finished.folder / RUN / "teachers" / teacher / "logits"
        said = probabilities(folder / "test.parquet") | probabilities(folder / "out_of_fold.parquet")
        for clip in data["clips"]:
            own, guess, _, weight, held = clip["teachers"][k]
            assert abs(own - said[clip["id"]][clip["label"]]) < 1e-4 and guess == said[clip["id"]].argmax()
            assert held == (weight is not None) == (clip["subset"] == "train")
    fused = read_logits(finished.folder / RUN / "fusions/ukd_oof/logits/train.parquet")
    weights = dict(zip(fused.video_ids, fused.weights, strict=True))
    for clip in data["clips"]:
        if clip["subset"] == "train":
            np.testing.assert_allclose([said[3] for said in clip["teachers"]], weights[clip["id"]], atol=1e-4)
        assert clip["picture"] and clip["flow"]
    assert finished.plan(*arguments) == {}


@pytest.mark.slow
def test_without_folds_the_page_says_what_is_missing(finished, tmp_path):
    """And asks for no training of any fold."""
    overlay = tmp_path / "known.yaml"
    overlay.write_text("knowledge: {student: rgb_ukd, out_of_fold: false}\n")
    arguments = (PAGE, "--configfile", TINY, str(overlay))
    assert set(finished.plan(*arguments)) <= {"export_logits", "gather_knowledge", "draw_knowledge_page"}
    finished.run(*arguments)
    text = (finished.folder / PAGE).read_text()
    assert "knowledge.out_of_fold: true" in text and len(data_of(text)["clips"]) == 33
