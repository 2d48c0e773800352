"""A sheet as CSV: read back by another reader, as numbers where it holds numbers, and never as a formula."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from diptych.domain.sheet import Cell, Row, Sheet, Status
from diptych.errors import Refused
from diptych.job import finish
from diptych.reports.spreadsheet import line, write_table


def sheet(*rows: Row) -> Sheet:
    return Sheet("weights", "Weights", "tensors", rows)


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_value_of_every_row_has_a_column(tmp_path: Path) -> None:
    moved = Row(
        "layers.0.q", Status.DIFFERS, Cell("F32 4 × 8"), Cell("BF16 4 × 8"), group="layer 0", change="0.5", note="cast",
        values={"relative_change": 0.1 + 0.2, "shape_left": [4, 8], "estimated": True, "elements": 32},
    )  # fmt: skip
    alone = Row("layers.1.q", Status.LEFT_ONLY, Cell("F32 4 × 8"), values={"cosine": math.nan})
    assert finish(write_table(sheet(moved, alone), tmp_path / "w.csv")) == 2
    first, second = read(tmp_path / "w.csv")
    assert (first["name"], first["status"], first["a"], first["b"]) == (
        "layers.0.q", "differs", "F32 4 × 8", "BF16 4 × 8",
    )  # fmt: skip
    assert float(first["relative_change"]) == 0.1 + 0.2
    assert (first["shape_left"], first["estimated"], first["elements"]) == ("[4, 8]", "true", "32")
    assert (second["b"], second["relative_change"]) == ("", "")
    assert math.isnan(float(second["cosine"]))


@pytest.mark.parametrize(
    "name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1+1", "\n=1"]
)
def test_a_name_is_never_a_formula(tmp_path: Path, name: str) -> None:
    finish(write_table(sheet(Row(name, Status.DIFFERS, Cell(name), note=name)), tmp_path / "w.csv"))
    (row,) = read(tmp_path / "w.csv")
    assert {row["name"], row["a"], row["note"]} == {f"'{name}"}


def test_numbers_stay_numbers() -> None:
    assert line([-0.5, -3, 1e-12, None, "a,b", 'say "x"']) == '-0.5,-3,1e-12,,"a,b","say ""x"""\r\n'


def test_names_that_are_not_unicode_are_written(tmp_path: Path) -> None:
    finish(write_table(sheet(Row("bad\udc80name", Status.SAME)), tmp_path / "w.csv"))
    assert read(tmp_path / "w.csv")[0]["name"] == "bad\\udc80name"


def test_a_table_that_is_stopped_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("before")
    job = write_table(sheet(*(Row(str(at), Status.SAME) for at in range(2000))), file)
    for _ in range(2):
        next(job)
    job.close()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_takes_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gone"):
        finish(write_table(sheet(Row("w", Status.SAME)), tmp_path / "gone" / "w.csv"))
