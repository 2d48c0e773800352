"""Reading JSON that others wrote: strict where it matters, bounded, and never long in one call.

The text is read through a window. What fits into it is decoded in one go by the standard library; what does not is
taken apart member by member, so that no single call keeps other threads waiting. NaN and infinities are values, as
Python writes them; a repeated key, deep nesting, half a surrogate pair and numbers beyond all use are errors.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from io import BytesIO
from json import JSONDecodeError
from pathlib import Path
from typing import BinaryIO, cast

from diptych import display
from diptych.domain.evidence import Plain
from diptych.errors import Damaged
from diptych.records.content import open_record, short

MOST_BYTES = 256 * 2**20
"""Size of a document that is read as a whole."""
MOST_DEPTH = 200
MOST_TEXT = 16 * 2**20
"""Characters of one text."""
_WINDOW = 2**19
_READ = 2**18
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_UNFINISHED = re.compile(r"[\w.+-]*")
"""What is left of a number or a word where the text ends within it."""


class Cut(Damaged):
    """The document ends before it is complete, as while it is being written."""


class _Faulty(Exception):
    """Valid JSON that is not accepted; the text is the reason."""


def _unique(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Faulty(f"the key {key[:60]!r} is there twice")
            seen.add(key)
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


class JsonText:
    """A cursor that goes once through a JSON document.

    `name` stands in every error. The caller takes values (`value`), or goes into a container (`elements`, `members`).
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._depth = 0
        self._fill()
        self._check_start()

    # containers ----------------------------------------------------------------------------------------------------

    def starts(self) -> str:
        """The first character of the next value: `{`, `[`, `"` or that of a literal; empty at the end."""
        self._fill()
        space = _SPACE.match(self._text, self._at)
        if space is not None:
            self._at = space.end()
        if self._at == len(self._text) and not self._ended:
            return self.starts()
        return self._text[self._at : self._at + 1]

    def elements(self) -> Iterator[int]:
        """Go through the next value, an array: at each index the caller takes exactly one value."""
        self._go_in("[")
        if self.starts() == "]":
            self._go_out()
            return
        index = 0
        while True:
            yield index
            index += 1
            if self._comma("]"):
                return

    def members(self) -> Iterator[str]:
        """Go through the next value, an object: after each key the caller takes exactly one value."""
        self._go_in("{")
        if self.starts() == "}":
            self._go_out()
            return
        seen: set[str] = set()
        while True:
            if self.starts() != '"':
                raise self._broken("a key in quotes is missing")
            key = cast("str", self._scalar())
            if key in seen:
                raise self._damaged(f"the key {key[:60]!r} is there twice")
            seen.add(key)
            if self.starts() != ":":
                raise self._broken("a colon is missing")
            self._at += 1
            yield key
            if self._comma("}"):
                return

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.starts():
            raise self._damaged("is not valid JSON: something follows its end")

    def _go_in(self, bracket: str) -> None:
        if self.starts() != bracket:
            raise self._broken(f"{'an array' if bracket == '[' else 'an object'} was expected")
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._damaged(f"is nested more than {MOST_DEPTH} levels deep")
        self._at += 1

    def _go_out(self) -> None:
        self._depth -= 1
        self._at += 1

    def _comma(self, bracket: str) -> bool:
        """Step over a comma, or out of the container: then true."""
        sign = self.starts()
        if sign == bracket:
            self._go_out()
            return True
        if sign != ",":
            raise self._broken("a comma or the end of the list is missing")
        self._at += 1
        return False

    # values --------------------------------------------------------------------------------------------------------

    def value(self) -> Plain:
        """The next value, whole."""
        first = self.starts()
        if first not in ("{", "["):
            return self._scalar()
        start = self._at
        try:
            value = self._decode()
        except JSONDecodeError:
            # it does not end within the window, or it is broken: going in tells which, and where
            if first == "[":
                return [self.value() for _ in self.elements()]
            return {key: self.value() for key in self.members()}
        brackets = self._text.count("[", start, self._at) + self._text.count("{", start, self._at)
        if brackets + self._depth > MOST_DEPTH and _depth(value) + self._depth > MOST_DEPTH:
            raise self._damaged(f"is nested more than {MOST_DEPTH} levels deep")
        return value

    def _scalar(self) -> Plain:
        first = self._text[self._at : self._at + 1]
        while True:
            try:
                return self._decode()
            except JSONDecodeError as error:
                if first == '"' and self._runs_out(error):
                    if not self._ended:
                        self._grow()
                        continue
                    raise self._cut() from None
                raise self._broken(_reason(error)) from None

    def _runs_out(self, error: JSONDecodeError) -> bool:
        """Whether a text is not wrong but goes on beyond the window."""
        return "Unterminated" in error.msg or ("\\u" in error.msg and error.pos + 6 > len(self._text))

    def _decode(self) -> Plain:
        start = self._at
        try:
            value, self._at = _DECODER.raw_decode(self._text, start)
        except _Faulty as faulty:
            raise self._damaged(str(faulty)) from None
        except RecursionError:
            raise self._damaged(f"is nested more than {MOST_DEPTH} levels deep") from None
        except JSONDecodeError:
            raise
        except ValueError:
            raise self._damaged("holds a whole number of more than 4300 digits") from None
        if _SURROGATE.search(self._text, start, self._at) and _half_surrogate(value):
            raise self._damaged("holds half of a surrogate pair, which is no character")
        return cast("Plain", value)

    # the window ----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        if self._ended or len(self._text) - self._at >= _WINDOW // 2:
            return
        self._slide(_WINDOW)

    def _grow(self) -> None:
        length = len(self._text) - self._at
        if length >= MOST_TEXT:
            raise self._damaged(f"holds a text of more than {MOST_TEXT // 2**20} million characters")
        self._slide(min(max(length * 2, _WINDOW), MOST_TEXT))

    def _slide(self, length: int) -> None:
        self._line += self._text.count("\n", 0, self._at)
        parts = [self._text[self._at :]]
        self._at = 0
        held = len(parts[0])
        try:
            while held < length and not self._ended:
                chunk = self._file.read(_READ)
                self._ended = not chunk
                parts.append(self._decoder.decode(chunk, final=not chunk))
                held += len(parts[-1])
        except UnicodeDecodeError:
            raise Damaged(f"{self._name}: {_encoding(parts[0] if held else '', chunk)}") from None
        except OSError as error:
            raise Damaged(f"{self._name}: cannot be read: {error.strerror}") from None
        self._text = "".join(parts)

    def _check_start(self) -> None:
        first = self._text[:1]
        if not self._text.strip(" \t\r\n"):
            raise Damaged(f"{self._name}: is empty")
        if first == "\ufeff":
            raise Damaged(f"{self._name}: begins with a byte order mark, which JSON does not allow")
        if first == "\0":
            raise Damaged(f"{self._name}: begins with NUL bytes, as after a crash while it was being written")
        if "\0" in self._text[:4]:
            raise Damaged(f"{self._name}: is UTF-16 text, not UTF-8")

    def _damaged(self, reason: str) -> Damaged:
        return Damaged(f"{self._name}: {short(reason)}")

    def _cut(self) -> Cut:
        return Cut(f"{self._name}: ends in the middle, as while it is being written")

    def _broken(self, reason: str) -> Damaged:
        if self._ended and _UNFINISHED.fullmatch(self._text, self._at):
            return self._cut()
        line = self._line + self._text.count("\n", 0, self._at)
        return Damaged(f"{self._name}: is not valid JSON at line {line}: {short(reason)}")


def read_json(path: Path) -> Plain:
    """The document in a file of at most 256 MiB. Raises `Damaged` (`Cut` where it ends early)."""
    name = display.path(path)
    with open_record(path) as file:
        if file.seek(0, 2) > MOST_BYTES:
            raise Damaged(f"{name}: is larger than {MOST_BYTES // 2**20} MiB, too large for one document")
        file.seek(0)
        text = JsonText(file, name)
        value = text.value()
        text.end()
        return value


def read_object(path: Path) -> dict[str, Plain]:
    """As `read_json`, for a document that must be an object."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise Damaged(f"{display.path(path)}: is not a JSON object")
    return value


def parse_json(content: bytes, name: str) -> Plain:
    """The document in `content`; `name` stands in errors."""
    text = JsonText(BytesIO(content), name)
    value = text.value()
    text.end()
    return value


def _reason(error: JSONDecodeError) -> str:
    if "control character" in error.msg:
        return "a text holds a control character"
    if "escape" in error.msg:
        return "a text holds an escape that does not exist"
    return "a value is missing"


def _encoding(text: str, chunk: bytes) -> str:
    if not text:
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "is UTF-16 text, not UTF-8"
        if chunk[:2] in (b"x\x9c", b"x\x01", b"x\xda", b"\x1f\x8b"):
            return "is compressed data, not JSON"
    return "is not UTF-8 text"


def _depth(value: object) -> int:
    """How many containers deep `value` is, without recursion."""
    deepest = 0
    waiting = [(value, 1)]
    while waiting:
        entry, depth = waiting.pop()
        if isinstance(entry, dict | list):
            deepest = max(deepest, depth)
            inner = entry.values() if isinstance(entry, dict) else entry
            waiting.extend((each, depth + 1) for each in inner)
    return deepest


def _half_surrogate(value: object) -> bool:
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, str):
            if any("\ud800" <= character <= "\udfff" for character in entry):
                return True
        elif isinstance(entry, dict):
            waiting.extend(entry)
            waiting.extend(entry.values())
        elif isinstance(entry, list):
            waiting.extend(entry)
    return False
