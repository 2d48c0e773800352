"""Tokenizers as the files of a folder describe them: `tokenizer.json`, or the older files of which it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.domain.evidence import Plain
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Source
from diptych.errors import Damaged, NotFound
from diptych.records.content import open_record, read_bytes
from diptych.records.json_stream import JsonText, read_json, read_object
from diptych.records.scrub import secret_value
from diptych.records.values import dotted, kind, mapping, text

_READER = "tokenizer/1"
_FILES = frozenset({"tokenizer.json", "vocab.json", "vocab.txt", "tokenizer_config.json"})
_MOST_TEMPLATE = 4 * 2**20
_MOST_MERGES = 128 * 2**20
_ROLE = "_token"
"""How the names of special tokens end."""


def has_tokenizer(names: Collection[str]) -> bool:
    """Whether a folder with these file names holds a tokenizer that `read_tokenizer` reads."""
    return not _FILES.isdisjoint(names)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`. Raises `NotFound` without one, `Damaged` where a file of it is broken."""
    parts = _Parts(folder)
    for name, read in (
        ("tokenizer.json", _read_fast),
        ("vocab.json", _read_vocabulary),
        ("vocab.txt", _read_words),
    ):
        path = folder / name
        if path.is_file():
            parts.file = parts.file or path
            read(path, parts)
            break
    _read_settings(folder, parts)
    if parts.file is None:
        raise NotFound(f"{display.path(folder)}: holds no tokenizer")
    template, place = _chat_template(folder, parts.template, parts.config)
    return Tokenizer(
        Source(str(parts.file), "", _READER),
        kind=parts.kind,
        vocabulary=parts.vocabulary,
        merges=tuple(parts.merges),
        added=parts.added,
        special=parts.special,
        settings=parts.settings,
        chat_template=template,
        chat_template_source=place,
    )


@dataclass(slots=True)
class _Parts:
    """A tokenizer while its files are read."""

    folder: Path
    file: Path | None = None
    kind: str = ""
    vocabulary: dict[str, int] = field(default_factory=dict)
    merges: list[str] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)
    special: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Plain] = field(default_factory=dict)
    template: Plain = None
    config: Path | None = None

    def add(self, token: Plain, number: Plain) -> None:
        """An added token, which is part of the vocabulary too."""
        if isinstance(token, str) and isinstance(number, int) and not isinstance(number, bool):
            self.added[token] = number
            self.vocabulary[token] = number

    def set(self, key: str, value: Plain) -> None:
        """A setting, nested objects by their dotted keys."""
        if secret_value(value):
            return
        if isinstance(value, dict) and value:
            for name, entry in value.items():
                self.set(f"{key}.{dotted(name)}", entry)
        else:
            self.settings[key] = value


# tokenizer.json ----------------------------------------------------------------------------------------------------


def _read_fast(path: Path, parts: _Parts) -> None:
    added: Plain = None
    with open_record(path) as file:
        document = JsonText(file, display.path(path))
        for name in document.members():
            if name == "model" and document.starts() == "{":
                _read_model(document, parts)
            elif name == "added_tokens":
                added = document.value()
            else:
                parts.set(name, document.value())
        document.end()
    for entry in added if isinstance(added, list) else []:
        token = mapping(entry)
        parts.add(token.get("content"), token.get("id"))


def _read_model(document: JsonText, parts: _Parts) -> None:
    for name in document.members():
        if name == "vocab":
            parts.vocabulary.update(_vocabulary(document))
        elif name == "merges":
            parts.merges.extend(_merges(document))
        elif name == "type":
            parts.kind = text(document.value())
        else:
            parts.set(f"model.{name}", document.value())


def _vocabulary(document: JsonText) -> Iterator[tuple[str, int]]:
    """Token to id from an object, or from a list of tokens with scores (Unigram), whose ids are their places."""
    if document.starts() == "{":
        for token in document.members():
            number = document.value()
            if isinstance(number, int) and not isinstance(number, bool):
                yield token, number
    elif document.starts() == "[":
        for place in document.elements():
            entry = document.value()
            scored = entry[0] if isinstance(entry, list) and entry else entry
            if isinstance(scored, str):
                yield scored, place
    else:
        document.value()


def _merges(document: JsonText) -> Iterator[str]:
    """Each merge as `left right`, however it is written."""
    if document.starts() != "[":
        document.value()
        return
    for _ in document.elements():
        entry = document.value()
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list):
            yield " ".join(text(part) for part in entry)


# older files -------------------------------------------------------------------------------------------------------


def _read_vocabulary(path: Path, parts: _Parts) -> None:
    """`vocab.json` and `merges.txt`, as GPT-2 had them."""
    with open_record(path) as file:
        document = JsonText(file, display.path(path))
        if document.starts() != "{":
            raise Damaged(f"{display.path(path)}: is not a JSON object")
        parts.vocabulary.update(_vocabulary(document))
        document.end()
    merges = path.with_name("merges.txt")
    if merges.is_file():
        parts.kind = "BPE"
        parts.merges.extend(line for line in _lines(merges) if line and not line.startswith("#version"))


def _read_words(path: Path, parts: _Parts) -> None:
    """`vocab.txt`, one token a line, as BERT has it."""
    parts.kind = "WordPiece"
    parts.vocabulary.update((token, number) for number, token in enumerate(_lines(path)))


def _lines(path: Path) -> list[str]:
    try:
        return read_bytes(path, _MOST_MERGES).decode().rstrip("\n").split("\n")
    except UnicodeDecodeError:
        raise Damaged(f"{display.path(path)}: is not UTF-8 text") from None


# settings and special tokens ---------------------------------------------------------------------------------------


def _read_settings(folder: Path, parts: _Parts) -> None:
    """`tokenizer_config.json` wins over the two older files."""
    for name in ("added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        values = read_object(path)
        if name == "added_tokens.json":
            for token, number in values.items():
                parts.add(token, number)
            continue
        _take_settings(values, path, parts)


def _take_settings(values: dict[str, Plain], path: Path, parts: _Parts) -> None:
    for key, value in values.items():
        token = mapping(value).get("content", value) if key.endswith(_ROLE) else None
        if isinstance(token, str):
            parts.special[key] = token
        elif key == "added_tokens_decoder":
            for number, entry in mapping(value).items():
                parts.add(mapping(entry).get("content"), int(number) if number.isdecimal() else None)
        elif key == "chat_template":
            parts.template, parts.config = value, path
        elif path.name == "tokenizer_config.json":
            parts.set(key, value)
    if path.name == "tokenizer_config.json":
        parts.file = parts.file or path


# chat template -----------------------------------------------------------------------------------------------------


def _chat_template(folder: Path, configured: Plain, config: Path | None) -> tuple[str, Source | None]:
    """The template that takes effect: the file of its own, then the configuration, then the processor's old file."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return read_bytes(path, _MOST_TEMPLATE).decode(), Source(str(path), "", _READER)
        except UnicodeDecodeError:
            raise Damaged(f"{display.path(path)}: is not UTF-8 text") from None
    if config is not None:
        template, pointer = _named_template(configured)
        if template:
            return template, Source(str(config), f"/chat_template{pointer}", _READER)
    path = folder / "chat_template.json"
    if path.is_file():
        value = read_json(path)
        template, pointer = _named_template(mapping(value).get("chat_template"))
        if not template:
            raise Damaged(f"{display.path(path)}: holds {kind(value)} without a template")
        return template, Source(str(path), f"/chat_template{pointer}", _READER)
    return "", None


def _named_template(value: Plain) -> tuple[str, str]:
    """The template and where it stands: text, or the one named `default` of a list, else the first."""
    if not isinstance(value, list):
        return text(value), ""
    named = [(index, mapping(entry)) for index, entry in enumerate(value)]
    named.sort(key=lambda pair: pair[1].get("name") != "default")
    for index, entry in named:
        if text(entry.get("template")):
            return text(entry["template"]), f"/{index}/template"
    return "", ""
