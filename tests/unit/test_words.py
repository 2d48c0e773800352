from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from diptych.compare.words import _WORDS, changed_share, word_diff, words
from diptych.domain.sheet import Span


def joined(spans: tuple[Span, ...]) -> str:
    return "".join(span.text for span in spans)


def changed(spans: tuple[Span, ...]) -> list[str]:
    return [span.text for span in spans if span.changed]


@given(st.text(), st.text())
def test_runs_hold_both_texts_whole_and_agree_where_they_say_so(left: str, right: str) -> None:
    found = word_diff(left, right)
    assert joined(found.left) == left
    assert joined(found.right) == right
    assert [span.text for span in found.left if not span.changed] == [
        span.text for span in found.right if not span.changed
    ]
    assert 0 <= found.changed <= 1
    assert (found.changed == 0) == (left == right)


@given(st.text())
def test_words_join_to_the_text(text: str) -> None:
    assert "".join(words(text)) == text


@given(st.text(alphabet="ab\u0301é漢,. \n\t\u00a0", max_size=40))
def test_words_are_those_of_the_expression_however_they_are_found(text: str) -> None:
    assert words(text) == tuple(_WORDS.findall(text))


@given(st.lists(st.sampled_from("abc d"), max_size=30), st.lists(st.sampled_from("abc d"), max_size=30))
def test_the_edit_is_minimal(left: list[str], right: list[str]) -> None:
    a, b = " ".join(left), " ".join(right)
    ours, theirs = words(a), words(b)
    best = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i, one in enumerate(ours):
        for k, other in enumerate(theirs):
            best[i + 1][k + 1] = best[i][k] + 1 if one == other else max(best[i][k + 1], best[i + 1][k])
    total = len(ours) + len(theirs)
    least = (total - 2 * best[-1][-1]) / total if total else 0.0
    assert abs(word_diff(a, b).changed - least) < 1e-9
    assert abs(changed_share(a, b) - least) < 1e-9


def test_difflib_is_not_minimal_where_ours_is() -> None:
    left, right = "q a b x c d", "a b q y c d"
    matcher = difflib.SequenceMatcher(None, words(left), words(right), autojunk=False)
    equal = sum(block.size for block in matcher.get_matching_blocks())
    total = len(words(left)) + len(words(right))
    assert word_diff(left, right).changed * total <= total - 2 * equal + 1e-9


def test_one_word_changes() -> None:
    found = word_diff("the cat sat", "the dog sat")
    assert changed(found.left) == ["cat"]
    assert changed(found.right) == ["dog"]


def test_a_lone_blank_between_two_changes_joins_them() -> None:
    found = word_diff("go to the red car now", "go to a blue car now")
    assert changed(found.left) == ["the red"]
    assert changed(found.right) == ["a blue"]


def test_a_pure_insertion_stays_small() -> None:
    found = word_diff("one two", "one new two new")
    assert changed(found.left) == []
    assert "".join(changed(found.right)).split() == ["new", "new"]


def test_ideographs_are_words_of_their_own() -> None:
    assert words("今天天气") == ("今", "天", "天", "气")
    found = word_diff("今天天气好", "今天天气坏")
    assert changed(found.left) == ["好"]


def test_signs_stay_with_what_they_combine_with() -> None:
    assert words("हिन्दी") == ("हिन्दी",)
    assert words("e\u0301t\u00e9 👩🏽‍🚀!") == ("e\u0301t\u00e9", " ", "👩🏽‍🚀", "!")


def test_an_empty_side_is_all_change() -> None:
    found = word_diff("", "new text")
    assert found.left == ()
    assert changed(found.right) == ["new text"]
    assert found.changed == 1


def test_a_long_text_is_compared_by_lines_and_then_by_words() -> None:
    lines = [f"line {number} of a text that goes on and on\n" for number in range(3000)]
    other = lines.copy()
    other[1500] = "line 1500 of a story that goes on and on\n"
    found = word_diff("".join(lines), "".join(other))
    assert joined(found.left) == "".join(lines)
    assert changed(found.left) == ["text"]
    assert changed(found.right) == ["story"]
    assert 0 < found.changed < 0.001


def test_a_long_line_without_end_is_told_as_changed_whole() -> None:
    left, right = "a b " * 20_000, "b c " * 20_000
    found = word_diff(left, right)
    assert joined(found.left) == left
    assert joined(found.right) == right
    assert found.changed == 1
