from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import display


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0003, "0.0003"), (5e-7, "5e-7"), (-5e-7, "−5e-7"), (1.5e12, "1.5e12"), (19850.2, "19,850"),
        (1024, "1024"), (32000, "32,000"), (-32000, "−32,000"), (True, "true"), (0.0, "0"), (-0.0, "0"),
        (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "−∞"), (10**400, "an integer of 1,329 bits"),
    ],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert display.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.021, "+0.021"), (-1.5, "−1.5"), (0, "0"), (6_863_340.0, "+6,863,340")])
def test_signed_numbers(value: float, text: str) -> None:
    assert display.signed(value) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_number_as_shown_is_close_to_the_number(value: float) -> None:
    text = display.number(value).replace("−", "-").replace(",", "")
    assert float(text) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 👩‍🚀", "plain é 漢字 👩‍🚀"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_hidden_characters_show(text: str, shown: str) -> None:
    assert display.visible(text) == shown


def test_newlines_stay_where_they_are_wanted() -> None:
    assert display.visible("a\nb\r\n", keep_newlines=True) == "a\nb\\r\n"


def test_harmless_text_is_not_copied() -> None:
    text = "line one\nline two " * 1000
    assert display.visible(text, keep_newlines=True) is text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (16_060_000_000, "16.1 GB"), (999_600, "1.00 MB")]
)
def test_sizes(size: int, text: str) -> None:
    assert display.size(size) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (918_656, "919 K"), (8_030_000_000, "8.03 B")])
def test_counts(count: int, text: str) -> None:
    assert display.count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "just now"), (120, "2 min ago"), (7200, "2 h ago"), (86400 * 3, "3 d ago")]
)
def test_times_ago(seconds: float, text: str) -> None:
    assert display.ago(1_000_000 - seconds, now=1_000_000) == text


def test_a_name_is_cut_in_its_middle() -> None:
    assert display.elide("a-very-long-name-that-ends-here", 11) == "a-ver…-here"
    assert display.elide("short", 11) == "short"
    assert len(display.elide("x" * 100, 12)) == 12


def test_lists_in_sentences() -> None:
    assert display.listing([]) == ""
    assert display.listing(["a"]) == "a"
    assert display.listing(["a", "b", "c"]) == "a, b and c"
    assert display.listing("abcdef") == "a, b, c and 3 more"


def test_plurals() -> None:
    assert display.plural(1, "version") == "1 version"
    assert display.plural(2000, "version") == "2,000 versions"
    assert display.plural(2, "query", "queries") == "2 queries"
