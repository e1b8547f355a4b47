"""Laws of every fusion for arbitrary logits: huge, tied, nearly certain, of few classes or many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukdlib.knowledge.fusion import METHODS, fused_knowledge, log_distribution

EVERY_METHOD = pytest.mark.parametrize("method", sorted(METHODS))
FREE = settings(deadline=None, max_examples=100, derandomize=True)


@st.composite
def clips(draw):
    """(logits (K, N, C) float32 up to +-1e4, labels (N,), tau)."""
    teachers, count, classes = (draw(st.integers(*limits)) for limits in ((1, 6), (1, 5), (2, 30)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e4]))
    logits = scale * random.uniform(-1, 1, (teachers, count, classes))
    if draw(st.booleans()):  # some teachers are nearly certain of a class, or of all but one
        certain = random.integers(classes, size=(teachers, count))
        gaps = draw(st.floats(-1e4, 1e4, width=32)) * random.integers(0, 2, (teachers, count))
        np.put_along_axis(
            logits, certain[..., None], logits.max(axis=-1, keepdims=True) + gaps[..., None], -1
        )
    labels = random.integers(classes, size=count)
    return logits.clip(-1e4, 1e4).astype(np.float32), labels, draw(st.floats(0.05, 100))


def fused(method, logits, labels, tau):
    """Its knowledge; method 'single' gets only the first teacher."""
    return fused_knowledge(method, logits[:1] if method == "single" else logits, labels, tau)


@EVERY_METHOD
@FREE
@given(clips())
def test_weights_and_targets_are_shares_of_one(method, drawn):
    target, weights, constant = fused(method, *drawn)
    for shares in (weights, target):
        assert np.isfinite(shares).all() and (shares >= 0).all() and (shares <= 1 + 1e-12).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-9)
    assert (weights <= 1).all()
    assert np.isfinite(constant).all() and (constant >= -1e-9).all()
    stored = log_distribution(target)
    assert np.isfinite(stored).all()
    np.testing.assert_allclose(np.exp(stored.astype(float)), target, rtol=1e-4, atol=1e-37)


@EVERY_METHOD
@FREE
@given(clips(), st.randoms(use_true_random=False))
def test_the_order_of_teachers_does_not_matter(method, drawn, random):
    logits, labels, tau = drawn
    order = list(range(1 if method == "single" else len(logits)))
    random.shuffle(order)
    target, weights, constant = fused(method, logits, labels, tau)
    again = fused(method, logits[order], labels, tau)
    for mine, other in zip((target, weights[:, order], constant), again, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)


@EVERY_METHOD
@FREE
@given(clips(), st.randoms(use_true_random=False))
def test_the_order_of_classes_orders_the_target_only(method, drawn, random):
    logits, labels, tau = drawn
    order = list(range(logits.shape[2]))
    random.shuffle(order)
    target, weights, constant = fused(method, logits, labels, tau)
    again = fused(method, logits[:, :, order], np.argsort(order)[labels], tau)
    for mine, other in zip((target[:, order], weights, constant), again, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-9)


@EVERY_METHOD
@FREE
@given(clips(), st.randoms(use_true_random=False))
def test_a_clip_is_fused_alone(method, drawn, random):
    logits, labels, tau = drawn
    clip = random.randrange(len(labels))
    whole = fused(method, logits, labels, tau)
    alone = fused(method, logits[:, [clip]], labels[[clip]], tau)
    for mine, other in zip(whole, alone, strict=True):
        np.testing.assert_allclose(mine[[clip]], other, rtol=1e-9, atol=1e-12)
