"""A strict cursor over JSON that lies in memory as bytes.

A header may have 100 MB. One call of `json.loads` would hold the interpreter's lock for a second and more, so the text
is decoded window by window and taken apart member by member; only small values are decoded in one go.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import cast

WINDOW = 2**18
_LONGEST = 2**24
"""Characters of one member; a tensor's name may be long, but not that long."""
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Broken(ValueError):
    """The text breaks the rules; the message is the reason."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Broken("a field is there twice")
    return members


def _constant(text: str) -> object:
    raise Broken(f"{text} is not a number of JSON")


def _whole(text: str) -> int:
    if text == "-0":
        raise Broken("-0 is no size")
    return int(text)


_DECODER = JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_int=_whole)


class JsonCursor:
    """Goes once through one object. After each name the caller takes the value, by `value`, `text` or `members`."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._taken = 0
        self._text = ""
        self._at = 0
        self._room = 0
        self._fill(WINDOW)

    @property
    def position(self) -> int:
        """How many bytes were gone through."""
        rest = self._text[self._at :]
        pending, _ = self._decoder.getstate()
        return self._taken - len(pending) - (len(rest) if rest.isascii() else len(rest.encode()))

    def members(self) -> Iterator[str]:
        """The names of the next value, an object, in their order; a name that repeats is the caller's to find."""
        self._expect("{", "an object was expected")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._at > self._room:
                self._fill(WINDOW)
            name = self.text()
            self._expect(":", "a colon is missing")
            yield name
            sign = self._peek()
            self._at += 1
            if sign == "}":
                return
            if sign != ",":
                raise Broken("a comma or the end of an object is missing")

    def text(self) -> str:
        """The next value, a text."""
        if self._peek() != '"':
            raise Broken("a text in quotes was expected")
        text = cast("str", self.value())
        if not text.isascii() and _SURROGATE.search(text):
            raise Broken("a text holds half of a surrogate pair, which is no character")
        return text

    def value(self) -> object:
        """The next value of any kind, decoded in one go."""
        self._peek()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                self._grow(error)
            except Broken:
                raise
            except RecursionError:
                raise Broken("is nested too deeply") from None
            except ValueError:
                raise Broken("a whole number has more than 4300 digits") from None
            else:
                return value

    def end(self) -> None:
        """Make sure that only spaces follow."""
        if self._peek():
            raise Broken("something follows the end of the object")

    def _expect(self, sign: str, otherwise: str) -> None:
        if self._text[self._at : self._at + 1] != sign and self._peek() != sign:
            raise Broken(otherwise)
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            sign = self._text[self._at : self._at + 1]
            if sign and sign not in " \t\n\r":
                return sign
            space = _SPACE.match(self._text, self._at)
            if space is not None:
                self._at = space.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._taken == len(self._data):
                return ""
            self._fill(WINDOW)

    def _grow(self, error: JSONDecodeError) -> None:
        """Make room for a value that does not end within the window, or say what is wrong with it."""
        unfinished = error.msg.startswith("Unterminated") or error.pos > len(self._text) - 16
        if not unfinished or self._taken == len(self._data):
            raise Broken(f"is not JSON: {error.msg.lower()}") from None
        held = len(self._text) - self._at
        if held >= _LONGEST:
            raise Broken("a single entry has more than 16 million characters")
        self._fill(min(max(2 * held, WINDOW), _LONGEST))

    def _fill(self, length: int) -> None:
        parts = [self._text[self._at :]]
        held = len(parts[0])
        self._at = 0
        while held < length and self._taken < len(self._data):
            stop = min(self._taken + WINDOW, len(self._data))
            try:
                parts.append(self._decoder.decode(self._data[self._taken : stop], stop == len(self._data)))
            except UnicodeDecodeError:
                raise Broken("is not UTF-8 text") from None
            held += len(parts[-1])
            self._taken = stop
        self._text = "".join(parts)
        self._room = len(self._text) - WINDOW // 2
