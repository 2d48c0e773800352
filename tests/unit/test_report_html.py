from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pytest

from diptych import __version__
from diptych.compare import FACETS, verdict, word_diff
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Series
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Chart, Fold, Grid, GridCell, Line, Row, Sheet, Status
from diptych.job import finish
from diptych.reports import comparison_html
from diptych.reports.heat import CIVIDIS, colour
from dossiers import HERE, answering, dossier, metric, sample

EVIL = "\"><script>alert('x')</script><img src=x onerror=y>\u202e&amp;"


class Page(HTMLParser):
    """What a browser would make of the page."""

    VOID = frozenset({"meta", "img", "br", "path", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(left: Dossier, right: Dossier, *extra: Sheet) -> str:
    sheets = {facet.key: finish(facet.compare(left, right, Rules())) for facet in FACETS if facet.key != "summary"}
    return comparison_html(left, right, [verdict(left, right, sheets), *sheets.values(), *extra], Rules(), word_diff)


def rich(mark: float, text: str, name: str) -> Dossier:
    return dossier(
        {"train.learning_rate": mark, "train.note": text, "train.nested": {"a": mark}},
        name,
        metrics=(metric(mark, stderr=0.01, n=100, higher_is_better=True),),
        series=(Series("loss", (1.0, 2.0, 3.0), (3.0, math.nan, mark), HERE),),
        has_samples=True,
        samples=answering([sample(1, f"the {text} end"), sample(2, "same")]),
    )


def test_the_page_is_whole_and_closed() -> None:
    found = Page(page(rich(0.1, "a", "run/1"), rich(0.9, "b", "run/2")))
    assert found.open == []
    assert {link.removeprefix("#") for link in found.links} - set(found.ids) <= {"facet-summary"}
    assert len(found.ids) == len(set(found.ids))


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page(rich(0.1, EVIL, EVIL), rich(0.9, EVIL + "b", "run/2"))
    found = Page(text)
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not found.tags & {"script", "img", "link", "iframe", "object", "form"}
    assert not [name for name in found.attributes if name.startswith("on") or name == "src"]
    assert all(link.startswith("#") for link in found.links)
    assert "url(" not in text
    assert "@import" not in text
    assert "\u202e" not in text
    assert "<script>" in found.text


def test_the_same_comparison_gives_the_same_bytes_whenever_it_is_made() -> None:
    sides = rich(0.1, "a", "run/1"), rich(0.9, "b", "run/2")
    assert page(*sides) == page(*sides)


def test_only_differences_are_rows_and_sameness_is_a_count() -> None:
    text = page(dossier({"train.same": "equal", "train.x": 1}), dossier({"train.same": "equal", "train.x": 2}))
    assert "1 of 2 hyperparameters differ · 1 the same" in text
    assert "equal" not in text


def test_changed_words_are_marked_on_both_sides() -> None:
    text = page(rich(0.1, "cat", "run/1"), rich(0.1, "dog", "run/2"))
    assert "the <mark>cat</mark> end" in text
    assert "the <mark>dog</mark> end" in text


def test_without_a_word_difference_answers_are_whole() -> None:
    left, right = rich(0.1, "cat", "run/1"), rich(0.1, "dog", "run/2")
    outputs = next(facet for facet in FACETS if facet.key == "outputs")
    text = comparison_html(left, right, [finish(outputs.compare(left, right, Rules()))])
    assert "the cat end" in text


def test_the_footer_lets_the_comparison_be_repeated() -> None:
    left, right = dossier(name="run/1"), dossier(name="run/2")
    text = comparison_html(left, right, [], Rules(ignored=("*secret",), tolerance=0.01))
    for part in (__version__, left.version.id, right.version.id, "*secret", "0.01"):
        assert part in text


def test_sources_are_told_on_hover() -> None:
    assert 'title="trainer_state.json /here"' in page(rich(0.1, "a", "run/1"), rich(0.9, "b", "run/2"))


def test_a_long_section_says_how_much_it_leaves_out() -> None:
    left = dossier({f"train.k{number}": 1 for number in range(1200)})
    assert "700 more differ" in page(left, dossier({f"train.k{number}": 2 for number in range(1200)}))


def grid(*cells: GridCell) -> Sheet:
    rows, columns = [list(dict.fromkeys(names)) for names in zip(*((c.row, c.column) for c in cells), strict=True)]
    row = Row("t", Status.SAME, Cell("x"), Cell("x"))
    return Sheet("grid", "Grid", "tensors", (row,), grid=Grid(tuple(rows), tuple(columns), cells, "change"))


def test_the_heat_map_uses_its_whole_ramp_on_a_logarithmic_scale() -> None:
    cells = [
        GridCell("layer 0", name, Status.DIFFERS, value, ("t",))
        for name, value in zip("qkv", (1e-6, 1e-3, 1), strict=True)
    ]
    text = page(dossier(), dossier(), grid(*cells))
    for place in (0.0, 0.5, 1.0):
        assert f"background: {colour(place)};" in text
    assert (colour(0), colour(1)) == (CIVIDIS[0], CIVIDIS[-1])


def test_a_field_of_folded_experts_has_the_colours_that_the_window_gives_it() -> None:
    names = [f"experts.{number}.up" for number in range(3)]
    fold = Fold(3, 1, 1.0, names[2], 1e-3)
    experts = GridCell("layer 0", "expert up", Status.DIFFERS, 0.7, tuple(names), "", fold)
    other = GridCell("layer 0", "q", Status.DIFFERS, 1e-6, ("t",))
    text = page(dossier(), dossier(), grid(experts, other))
    assert f"linear-gradient({colour(1)} 33%, {colour(0.5)} 33%)" in text
    assert "worst 1 (experts.2.up), median 0.001, 1 of 3 identical" in text
    assert "▀ worst expert" in text
    assert "0.7" not in text


def test_experts_of_which_most_stood_still_are_quiet_below_the_worst() -> None:
    fold = Fold(3, 2, 0.5, "e2", 0.0)
    text = page(dossier(), dossier(), grid(GridCell("layer 0", "q", Status.DIFFERS, 0.3, ("e0", "e1", "e2"), "", fold)))
    assert f"linear-gradient({colour(1)} 33%, var(--raised) 33%)" in text


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, None])
def test_fields_without_a_usable_number_are_drawn(value: float | None) -> None:
    text = page(dossier(), dossier(), grid(GridCell(EVIL, "q", Status.DIFFERS, value, ("t",))))
    assert Page(text).open == []


def test_a_spike_survives_in_the_drawing() -> None:
    y = [0.0] * 100_000
    y[70_001] = 9.0
    line = Line("left", tuple(map(float, range(len(y)))), tuple(y))
    sheet = Sheet("c", "C", "curves", charts=(Chart("loss", "loss", "step", (line,)),))
    text = page(dossier(), dossier(), sheet)
    path = re.search(r'class="left" d="([^"]*)"', text)
    assert path
    assert path[1].count("L") < 1000
    heights = [float(point.split()[1]) for point in re.split("[ML]", path[1])[1:]]
    assert min(heights) == 8.0
