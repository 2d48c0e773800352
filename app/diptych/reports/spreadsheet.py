"""A sheet as a table for spreadsheets and scripts: CSV by RFC 4180, numbers as the C locale writes them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import chain, islice
from pathlib import Path

from diptych.domain.evidence import Plain
from diptych.domain.plain import safe
from diptych.domain.sheet import Row, Sheet
from diptych.errors import Refused
from diptych.job import Job, Tick

_FIXED = ("name", "group", "status", "a", "b", "change", "note")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the begin of a formula, wide signs and blanks before one included."""
_BATCH = 500


def write_table(sheet: Sheet, file: Path) -> Job[int]:
    """Write a sheet into a file, whole or not at all, and return the number of rows. `Refused` where it cannot be."""
    columns = _columns(sheet.rows)
    lines = chain([line((*_FIXED, *columns))], (line(fields(row, columns)) for row in sheet.rows))
    return write_lines(lines, file, len(sheet.rows), sheet.noun)


def write_lines(lines: Iterator[str], file: Path, rows: int, noun: str) -> Job[int]:
    """Write a head and `rows` lines into a file, whole or not at all, and return how many rows that are."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as out:
            out.write(next(lines))
            for at in range(0, rows, _BATCH):
                yield Tick("Writing the table", at, rows, noun)
                out.writelines(islice(lines, _BATCH))
        unfinished.replace(file)
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}", "Choose another place.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return rows


def fields(row: Row, columns: Sequence[str]) -> Iterator[Plain]:
    """What a row says in each column."""
    yield row.key
    yield row.group
    yield row.status.value
    yield row.left.text if row.left is not None else None
    yield row.right.text if row.right is not None else None
    yield row.change
    yield row.note
    for column in columns:
        yield row.values.get(column)


def line(values: Sequence[Plain] | Iterator[Plain]) -> str:
    """One line, its end included. What is no number cannot become a formula."""
    out = StringIO()
    csv.writer(out).writerow([_written(value) for value in values])
    return out.getvalue()


def _written(value: Plain) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    plain = safe(value)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _columns(rows: Sequence[Row]) -> list[str]:
    """The names of all values that some row has, in the order in which they come up."""
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row.values))
    return list(found)
