"""The knowledge page in a headless Chromium: sorted, filtered, walked through by keys; no request leaves it."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from tests.chromium import PROGRAM, browser
from tests.unit.results.synthetic_facts import about, as_table, facts_of
from tests.unit.results.test_knowledge_page import PAYLOADS, data_of
from ukdlib.results.knowledge.clips import clips_of
from ukdlib.results.knowledge.page import write_pages

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

CLASSES, TEACHERS = ["Run", "Sit", "<b>走る</b>"], ["rgb", "flow", '"moving"']
NAMES = [*(f"Run_{n}" for n in range(300)), *PAYLOADS, "a/b #1%.mp4?x"]
PICTURE = base64.b64encode(cv2.imencode(".webp", np.full((6, 30, 3), 99, np.uint8))[1].tobytes()).decode()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The browser, the page's file and the data in it."""
    folder = tmp_path_factory.mktemp("browser")
    facts = as_table(facts_of(NAMES, CLASSES, TEACHERS))
    path = folder / "knowledge.html"
    stated = about(CLASSES, TEACHERS, note=PAYLOADS[0])
    clips = clips_of(facts, stated, 0, 0)
    write_pages(
        [str(path)], clips, stated, lambda name: PICTURE if name != "Run_0" else None, lambda _: PICTURE
    )
    with browser(folder / "profile") as tab:
        yield tab, path, data_of(path.read_text())["clips"]


@pytest.fixture
def page(opened):
    """(browser, clips): the page as it opens; afterwards nothing was requested and nothing went wrong."""
    tab, path, clips = opened
    tab.size(1400, 900)
    tab.open(path)
    yield tab, clips
    assert tab.requests == [path.as_uri()] and tab.problems == []


def in_document(tab):
    """Names of the clips whose rows are in the document."""
    return tab.see("[...document.querySelectorAll('.clip')].map(row => row.dataset.id)")


def of_row(tab, name, part):
    """A property of the row of a clip, in JavaScript."""
    rows = "[...document.querySelectorAll('.clip')]"
    return tab.see(f"{rows}.find(row => row.dataset.id === {json.dumps(name)}).{part}")


def boxes(tab, selector):
    """[top, bottom] in pixels of elements on the screen, and of the row that each belongs to."""
    return tab.see(
        f"[...document.querySelectorAll({selector!r})].map(part => [part, part.closest('.clip')].flatMap(node => "
        "{ const box = node.getBoundingClientRect(); return [box.top, box.bottom]; }))"
    )


def focused(tab):
    """The name of the clip, or the id of the element, that has the focus."""
    return tab.see("document.activeElement.dataset.id || document.activeElement.id")


def count(tab):
    return int(tab.see("document.getElementById('count').textContent.split(' ')[0]"))


def all_rows(tab):
    """The clips that are listed, in order, by walking to the end."""
    tab.press("Home")
    seen = []
    for _ in range(count(tab)):
        seen.append(focused(tab))
        tab.press("j")
    return seen


def test_only_rows_in_view_are_in_the_document_in_the_order_of_disagreement(page):
    tab, clips = page
    rows = in_document(tab)
    assert rows == [clip["id"] for clip in clips[: len(rows)]] and 5 < len(rows) < 20
    assert count(tab) == len(NAMES)
    tab.see("scrollTo(0, document.body.scrollHeight)")
    tab.drawn()
    assert in_document(tab)[-1] == clips[-1]["id"] and len(in_document(tab)) < 20


def test_a_row_shows_what_is_known(page):
    tab, clips = page
    clip = next(clip for clip in clips if clip["subset"] == "train" and clip["id"] != "Run_0")
    tab.choose("search", clip["id"])
    text = of_row(tab, clip["id"], "innerText")
    own, guess, _, _, held = clip["teachers"][0]
    assert CLASSES[clip["label"]] in text and CLASSES[guess] in text and f"{round(100 * own)} %" in text
    assert held and "out of fold" in text and "in sample" in text  # teachers; student
    find = "querySelectorAll('.guess')"
    marks = of_row(tab, clip["id"], f"{find}.values().map(each => each.className).toArray()")[:-1]
    assert len(marks) == len(TEACHERS)
    for mark, said in zip(marks, clip["teachers"], strict=True):
        assert mark == ("guess right" if said[1] == clip["label"] else "guess wrong")


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("1", lambda clip: clip["loss"]),
        ("3", lambda clip: clip["teachers"][1][3]),
        ("0", lambda clip: clip["apart"]),
    ],
)
def test_sorted_by_loss_or_weight_what_has_none_comes_last_either_way(page, sort, key):
    tab, clips = page
    known, values = [c for c in clips if key(c) is not None], {c["id"]: key(c) for c in clips}
    for sign in (-1, 1):
        tab.choose("sort", sort)
        if sign == 1:
            tab.see("document.getElementById('turn').click()")
        tab.press("Home")
        best = [values[name] for name in in_document(tab)]
        assert best == sorted((key(c) for c in known), key=lambda value: sign * value)[: len(best)]
        tab.press("End")
        assert values[focused(tab)] is None or len(known) == len(clips)


def only_right(k):
    return lambda clip: [said[1] == clip["label"] for said in clip["teachers"]] == [n == k for n in range(3)]


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("class", "=2", lambda clip: clip["label"] == 2),
        ("subset", "=test", lambda clip: clip["subset"] == "test"),
        ("group", "=3", lambda clip: clip["group"] == "3"),
        ("only", "1", lambda clip: all(said[1] != clip["label"] for said in clip["teachers"])),
        ("only", "3", only_right(1)),
        ("only", "5", lambda clip: clip["student"][1] != clip["label"]),
        ("search", "UN_29", lambda clip: "un_29" in clip["id"].lower()),
    ],
)
def test_filtered(page, field, value, wanted):
    tab, clips = page
    expected = [clip["id"] for clip in clips if wanted(clip)]
    tab.choose(field, value)
    assert 0 < len(expected) < len(clips) and count(tab) == len(expected)
    assert in_document(tab) == expected[: len(in_document(tab))]
    if len(expected) < 40:
        tab.see("document.activeElement.blur()")
        assert all_rows(tab) == expected
    tab.see("document.getElementById('reset').click()")
    assert count(tab) == len(clips)


def test_filters_together_and_nothing_found(page):
    tab, clips = page
    tab.choose("class", "=1")
    tab.choose("subset", "=train")
    assert count(tab) == sum(clip["label"] == 1 and clip["subset"] == "train" for clip in clips)
    tab.choose("search", "nobody is called so")
    assert count(tab) == 0 and in_document(tab) == []
    assert tab.see("document.getElementById('empty').checkVisibility()")
    tab.press("j")


STEPS = [("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0), ("End", -1), ("j", -1)]


def test_keys_walk_through_the_clips(page):
    tab, clips = page
    order = [clip["id"] for clip in clips]
    for key, expected in STEPS:
        tab.press(key)
        assert focused(tab) == order[expected], key
    ((top, bottom, _, _),) = boxes(tab, ".clip:focus")
    assert 0 <= top < bottom <= 900
    tab.press("Home")
    assert focused(tab) == order[0] and tab.see("document.activeElement.matches(':focus-visible')")
    tab.press("/")
    assert focused(tab) == "search"
    tab.press("j")  # now a letter
    assert tab.see("document.getElementById('search').value") == "j"
    tab.press("Escape")
    tab.press("j")
    assert focused(tab) in order or count(tab) == 0


def test_the_tab_key_enters_the_clips_once(page):
    tab, _ = page
    assert tab.see("[...document.querySelectorAll('.clip')].filter(row => row.tabIndex === 0).length") == 1
    assert (
        tab.see("[...document.querySelectorAll('.clip a')].filter(link => link.tabIndex === 0).length") == 1
    )


@pytest.mark.parametrize("name", ["Run_277", *PAYLOADS, NAMES[-1]])
def test_a_link_leads_to_its_clip(opened, name):
    """From within the page, though the clip is filtered out; from elsewhere; by its own link."""
    tab, path, _ = opened
    fragment = "#" + quote(name, safe="")
    tab.open(path)
    tab.choose("search", "Run_1")
    tab.see(f"location.hash = {fragment!r}")
    tab.drawn()
    assert focused(tab) == name
    tab.open(path, fragment)
    assert focused(tab) == name and tab.requests == [path.as_uri()]
    link = of_row(tab, name, "querySelector('a').getAttribute('href')")
    tab.press("Home")
    tab.see(f"location.hash = {json.dumps(link)}")
    tab.drawn()
    assert focused(tab) == name and tab.problems == []


def test_a_link_to_nobody_says_so(opened):
    tab, path, _ = opened
    tab.open(path, "#%E0%A4%A")  # not even UTF-8
    assert "No clip %E0%A4%A is on this page" in tab.see("document.getElementById('count').textContent")
    assert in_document(tab) and tab.problems == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_are_text_and_run_nothing(page, payload):
    tab, _ = page
    tab.choose("search", payload)
    assert of_row(tab, payload, "querySelector('.name').textContent") == payload
    assert tab.see("document.querySelectorAll('script').length") == 2
    assert tab.see("document.querySelectorAll('.clip b b, .clip script').length") == 0


def test_flow_is_shown_on_hover_focus_or_for_all(page):
    tab, _ = page
    tab.press("j")
    assert tab.see("document.querySelectorAll('.strip img + img').length") == 0
    tab.see("document.activeElement.querySelector('button').focus()")
    assert tab.see("getComputedStyle(document.activeElement.querySelector('img + img')).opacity") == "1"
    tab.press("f")
    assert tab.see("document.querySelectorAll('.strip img + img').length") > 5
    tab.choose("search", "Run_0")
    assert tab.see("document.querySelector('.strip.none').textContent") == "no frames"


@pytest.mark.parametrize("width", [1400, 760, 360])
def test_nothing_is_wider_than_the_window_and_rows_do_not_overlap(page, width):
    tab, _ = page
    tab.size(width, 800)
    assert tab.see("document.documentElement.scrollWidth") <= width
    rows = boxes(tab, ".clip")
    assert len(rows) >= 3 and all(below[0] > above[1] for above, below in pairwise(rows))
    assert all(bottom <= end + 1 for _, bottom, _, end in boxes(tab, ".clip > *, .teacher, .line, .what"))


def test_pages_are_linked(opened, tmp_path):
    tab, _, _ = opened
    facts, stated = as_table(facts_of(NAMES[:9], CLASSES, TEACHERS)), about(CLASSES, TEACHERS)
    paths = [tmp_path / name for name in ("knowledge.html", "knowledge_2.html")]
    write_pages(list(map(str, paths)), clips_of(facts, stated, 0, 0), stated, lambda _: None, lambda _: None)
    tab.size(1400, 900)
    tab.open(paths[0])
    first = in_document(tab)
    tab.see("document.querySelector('header nav a').click()")
    tab.wait_for("location.pathname.endsWith('knowledge_2.html') && document.readyState === 'complete'")
    assert sorted(first + in_document(tab)) == sorted(NAMES[:9]) and tab.problems == []


@pytest.mark.parametrize(
    ("names", "classes", "teachers"),
    [(["only"], ["Run"], ["rgb"]), (["a", "b"], [f"c{n}" for n in range(400)], [f"t{n}" for n in range(12)])],
)
def test_the_smallest_page_and_one_with_hundreds_of_classes(opened, tmp_path, names, classes, teachers):
    tab, _, _ = opened
    facts, stated = as_table(facts_of(names, classes, teachers)), about(classes, teachers)
    path = tmp_path / "knowledge.html"
    write_pages([str(path)], clips_of(facts, stated, 0, 0), stated, lambda _: None, lambda _: None)
    tab.open(path)
    tab.press("j")
    tab.press("j")
    assert (
        in_document(tab) == [clip["id"] for clip in data_of(path.read_text())["clips"]]
        and focused(tab) == in_document(tab)[-1]
    )
    assert tab.see("document.querySelectorAll('.clip:last-child .teacher').length") == len(teachers)
    assert all(bottom <= end + 1 for _, bottom, _, end in boxes(tab, ".clip > *, .teacher, .line, .what"))
    assert tab.problems == []
