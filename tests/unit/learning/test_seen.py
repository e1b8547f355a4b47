"""Leaks are found by intersection: a video under its own name or another, through any number of networks."""

import pytest

from ukdlib.learning.seen import Seen

OLD, NEW = Seen({"arid/a": "0a", "arid/b": "0b"}, ["Kinetics"]), Seen({"arid/c": "0c"})


def test_what_the_start_has_seen_is_seen_too():
    both = NEW.and_also(OLD)
    assert both.as_json() == {
        "videos": {"arid/a": "0a", "arid/b": "0b", "arid/c": "0c"},
        "unknown": ["Kinetics"],
    }
    assert both == OLD.and_also(NEW) and both.and_also(both) == both
    assert Seen.stated("c", {"seen": both.as_json()}) == both


@pytest.mark.parametrize("held_out", [{"arid/a": "re-encoded"}, {"mine/copy": "0c"}], ids=["name", "content"])
def test_a_held_out_video_that_was_seen_is_refused(held_out):
    with pytest.raises(
        ValueError, match=rf"x: leak: 1 of 2 videos .*: {next(iter(held_out))}\. Begin with other"
    ):
        NEW.and_also(OLD).refuse_leak("x", {**held_out, "arid/z": "0z"})


def test_other_videos_pass():
    OLD.refuse_leak("x", {"mine/a": "1a", "arid/z": "0z"})
    Seen().refuse_leak("x", {"arid/a": "0a"})


def test_a_checkpoint_that_does_not_say_is_refused():
    with pytest.raises(ValueError, match=r"old\.safetensors: its metadata do not state what it has seen"):
        Seen.stated("old.safetensors", {"classes": []})


def test_twins_within_a_data_set_are_a_fault_of_the_data():
    """The same frames under two names, one for training and one held out: leaks.csv lists them, nothing is refused."""
    own = {"arid/c": "0c", "arid/d": "0d"}
    NEW.refuse_leak("x", {"arid/twin": "0c"}, own)
    with pytest.raises(ValueError, match="leak: 1 of 1"):
        OLD.and_also(NEW).refuse_leak("x", {"arid/twin": "0a"}, own)
