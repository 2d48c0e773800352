"""Whoever types a name means the version of that name, not one in which the name occurs."""

from __future__ import annotations

from diptych.job import finish
from diptych.ui.models.partners import called
from diptych.ui.pages.compare_header import choices
from diptych.workbench import Workbench


def test_a_name_comes_before_the_versions_that_mention_it(library: Workbench) -> None:
    asked = "sft/checkpoint-200"
    assert library.page(asked)[0].name != asked  # an adapter names it as its base, and is newer
    assert called(library, asked, 8)[0].name == asked
    assert finish(choices(library, f" {asked} ", None))[0].text == asked


def test_what_begins_so_comes_before_what_holds_the_word(library: Workbench) -> None:
    found = [version.name for version in called(library, "sft", 8)]
    assert found[:2] == ["sft/checkpoint-200", "sft/checkpoint-100"]
    assert "adapters/lora" in found
    assert len(found) == len(set(found))


def test_no_words_mean_the_newest(library: Workbench) -> None:
    assert called(library, "", 3) == library.page("", limit=3)
