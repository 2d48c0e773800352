"""safetensors files and shard indexes that nobody should write, each with what must become of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych import display
from diptych.errors import DiptychError

REJECTED = "rejected"
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Case:
    """One file: how to write it, what must become of it, and a word that must stand in the reason."""

    name: str
    verdict: str
    write: Callable[[Path], None]
    reason: str = ""


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8), **more: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def packed(header: dict[str, Any] | bytes | str, data: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else header.encode() if isinstance(header, str) else _dumped(header)
    return struct.pack("<Q", len(text)) + text + data


def _dumped(header: dict[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()


def _writing(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _sparse(path: Path, length: int, size: int) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length) + b"{")
        file.truncate(size)


PLAIN = _dumped({"a": entry()})
ONE = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
NEXT = '{"dtype":"F32","shape":[2],"data_offsets":[8,16]}'


def _with(field: str, value: str) -> str:
    """The plain header with the JSON text `value` in place of one field's."""
    fields = {"dtype": '"F32"', "shape": "[2]", "data_offsets": "[0,8]"} | {field: value}
    return '{"a":{' + ",".join(f'"{key}":{text}' for key, text in fields.items()) + "}}"


def _million() -> bytes:
    row = '"t{0}":{{"dtype":"U8","shape":[1],"data_offsets":[{0},{1}]}}'
    return packed("{" + ",".join(row.format(at, at + 1) for at in range(1_000_000)) + "}", b"\0" * 1_000_000)


def cases() -> Iterator[Case]:
    """Every malformed or strange weight file, small ones first."""
    for name, content, reason in _rejected():
        yield Case(name, REJECTED, _writing(content), reason)
    yield Case("header of 100 MB and one", REJECTED, lambda path: _sparse(path, 100_000_001, 100_000_100), "header")
    for name, content in _accepted():
        yield Case(name, ACCEPTED, _writing(content))
    yield Case("a million tensors", ACCEPTED, lambda path: _writing(_million())(path))


def _rejected() -> Iterator[tuple[str, bytes, str]]:
    yield "empty", b"", "empty"
    yield "seven bytes", b"\2\0\0\0\0\0\0", "7 bytes"
    yield "length 0", packed(b""), "too few"
    yield "length 2^64-1", b"\xff" * 8 + b"{}", "header"
    yield "length 2^63", struct.pack("<Q", 2**63) + b"{}", "header"
    yield "length beyond the file", struct.pack("<Q", 5000) + PLAIN, "cut"
    yield "cut header", packed(PLAIN)[:30], "cut"
    yield "cut data", packed(PLAIN)[:-1], "cut"
    yield "extra tail", packed(PLAIN) + b"x", "behind"
    yield "hole", packed({"a": entry(), "b": entry(offsets=(16, 24))}, b"\0" * 24), "hole"
    yield "hole at the start", packed({"a": entry(offsets=(8, 16))}, b"\0" * 16), "hole"
    yield "overlap", packed({"a": entry(), "b": entry(offsets=(4, 12))}, b"\0" * 12), "overlaps"
    yield "1000 names on one span", packed({f"t{at}": entry() for at in range(1000)}), "overlaps"
    yield "negative offset", packed({"a": entry(offsets=(-8, 0))}), "data_offsets"
    yield "begin behind end", packed({"a": entry(offsets=(8, 0))}), "ends before"
    yield "float offset", packed({"a": entry(offsets=(0.0, 8.0))}), "data_offsets"
    yield "boolean offset", packed(_with("data_offsets", "[false,8]")), "data_offsets"
    yield "offset 2^64", packed({"a": entry(offsets=(0, 2**64))}), "data_offsets"
    yield "three offsets", packed({"a": entry(offsets=(0, 8, 8))}), "data_offsets"
    yield "shape overflow", packed({"a": entry(shape=(2**40, 2**40))}), "too large"
    yield "shape overflow times nought", packed({"a": entry(shape=(2**40, 2**40, 0), offsets=(0, 0))}, b""), "too large"
    yield "shape wrapping mod 2^64", packed({"a": entry(shape=(2**62, 4, 2))}), "too large"
    yield "dimension 2^63", packed({"a": entry(shape=(2**63,))}), "dimension"
    yield "negative dimension", packed({"a": entry(shape=(-2, -1))}), "dimension"
    yield "negative nought as dimension", packed(_with("shape", "[-0]")), "-0"
    yield "float dimension", packed({"a": entry(shape=(2.0,))}), "dimension"
    yield "boolean dimension", packed(_with("shape", "[2,true]")), "dimension"
    yield "shape unequal to bytes", packed({"a": entry(shape=(3,))}), "exactly"
    yield "unknown dtype", packed({"a": entry("F7")}), "dtype"
    yield "null dtype", packed({"a": entry(None)}), "dtype"
    yield "list as dtype", packed({"a": entry(["F32"])}), "dtype"
    yield "duplicate name", packed(f'{{"a":{ONE},"a":{NEXT}}}', b"\0" * 16), "twice"
    yield "duplicate name by escape", packed(f'{{"a":{ONE},"\\u0061":{NEXT}}}', b"\0" * 16), "twice"
    yield "duplicate inner field", packed(_with("dtype", '"F32","dtype":"I32"')), "twice"
    yield "duplicate metadata", packed(f'{{"__metadata__":{{}},"a":{ONE},"__metadata__":{{}}}}'), "twice"
    yield "duplicate metadata, late", packed(f'{{"a":{ONE},"__metadata__":{{}},"__metadata__":{{}}}}'), "twice"
    yield "duplicate metadata key", packed(f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{ONE}}}'), "twice"
    yield "not UTF-8", packed(PLAIN.replace(b'"a"', b'"\xff"')), "UTF-8"
    yield (
        "not UTF-8 behind metadata",
        packed(f'{{"__metadata__":{{}},"b":{ONE}}}'.encode().replace(b"b", b"\xff")),
        "UTF-8",
    )
    yield "not JSON", packed(b"{oh, no}"), "text in quotes"
    yield "array", packed(b"[1, 2, 3]"), "brace"
    yield "text", packed(b'"hello"'), "brace"
    yield "leading space", packed(b" " + PLAIN), "brace"
    yield "leading newline", packed(b"\n" + PLAIN), "brace"
    yield "trailing NUL", packed(PLAIN + b"\0"), "follows"
    yield "two documents", packed(PLAIN + b"{}"), "follows"
    yield "trailing comma", packed(PLAIN[:-1] + b",}"), "quotes"
    yield "comma behind metadata only", packed(b'{"__metadata__":{},}', b""), "quotes"
    yield "no comma behind metadata", packed(f'{{"__metadata__":{{}}"a":{ONE}}}'), "comma"
    yield "unclosed", packed(PLAIN[:-1]), "comma"
    yield "nested 200,000 deep", packed('{"a":' + "[" * 200_000 + "]" * 200_000 + "}"), "deep"
    yield "nested 200,000 deep, unclosed", packed('{"a":' + '{"a":' * 200_000), ""
    yield "metadata holds an integer", packed(f'{{"__metadata__":{{"k":1}},"a":{ONE}}}'), "quotes"
    yield "metadata is a list", packed(f'{{"__metadata__":[],"a":{ONE}}}'), "object"
    yield "metadata is null", packed(f'{{"__metadata__":null,"a":{ONE}}}'), "object"
    yield "missing offsets", packed('{"a":{"dtype":"F32","shape":[2]}}'), "data_offsets"
    yield "extra field", packed({"a": entry(strides=[1])}), "unknown field"
    yield "entry is a number", packed(b'{"a":3}'), "object"
    yield "NaN literal", packed(_with("shape", "[NaN]")), "NaN"
    yield "infinity literal", packed(_with("shape", "[-Infinity]")), "Infinity"
    yield "zip polyglot", b"PK\x03\x04" + packed(PLAIN), ""
    yield "html polyglot", b"<html><script>" + packed(PLAIN), ""
    yield "odd F4", packed({"a": entry("F4", (3,), (0, 2))}, b"\0\0"), "exactly"
    yield "odd F6", packed({"a": entry("F6_E2M3", (3,), (0, 3))}, b"\0\0\0"), "exactly"
    yield "byte order mark", packed(b"\xef\xbb\xbf" + PLAIN), "brace"
    yield "UTF-16", packed(PLAIN.decode().encode("utf-16-le")), ""
    yield "dimension of 20,000 digits", packed(_with("shape", f"[{'9' * 20_000}]")), "digits"
    yield "rank 100,000", packed({"a": entry(shape=[1] * 99_999 + [2])}), "dimensions"
    yield "lone surrogate name", packed(f'{{"\\ud800":{ONE}}}'), "surrogate"
    yield "lone surrogate in metadata", packed(f'{{"__metadata__":{{"k":"\\udfff"}},"a":{ONE}}}'), "surrogate"
    yield "control character in a name", packed(f'{{"a\nb":{ONE}}}'), "control character"
    yield "a name of 20 million characters", packed(f'{{"{"n" * 20_000_000}":{ONE}}}'), "million characters"


def _accepted() -> Iterator[tuple[str, bytes]]:
    yield "plain", packed(PLAIN)
    yield "no tensors", packed(b"{}", b"")
    yield "metadata only", packed(b'{"__metadata__":{"format":"pt"}}', b"")
    yield "metadata last", packed(f'{{"a":{ONE},"__metadata__":{{"format":"mlx"}}}}')
    yield "metadata by escape", packed(f'{{"\\u005f_metadata__":{{"format":"pt"}},"a":{ONE}}}')
    yield "trailing spaces", packed(PLAIN + b" " * 100_000)
    yield "spaces within", packed(f'{{ "a" : {ONE} , "b":{NEXT} }}', b"\0" * 16)
    yield "zero dimension", packed({"a": entry(shape=(0, 5), offsets=(0, 0)), "b": entry()})
    yield "scalar", packed({"a": entry(shape=(), offsets=(0, 4))}, b"\0" * 4)
    yield "offsets out of order", packed(f'{{"b":{NEXT},"a":{ONE}}}', b"\0" * 16)
    yield "surrogate pair in a name", packed(f'{{"\\ud83d\\ude00":{ONE}}}')
    for name in (
        "../../../etc/passwd",
        "\u202egnp.exe",
        "\x1b[31m",
        "<img src=file:///etc/passwd>",
        "n" * 1_000_000,
        "",
    ):
        yield f"named {name[:20]!r}", packed(json.dumps({name: entry()}))
    yield "metadata of 10 MB", packed({"__metadata__": {"k": "v" * 10_000_000}, "a": entry()})
    yield "metadata of 100,000 keys", packed({"__metadata__": {f"k{at}": "é" for at in range(100_000)}, "a": entry()})
    yield "NaN and infinity as values", packed(PLAIN, struct.pack("<ff", float("nan"), float("inf")))


def index_cases() -> Iterator[Case]:
    """Every malformed shard index."""
    for name, text, reason in _bad_indexes():
        content = text if isinstance(text, bytes) else text.encode()
        yield Case(name, REJECTED, _writing(content), reason)
    for name, size in (("negative", -1), ("text", "big"), ("infinite", float("inf")), ("huge", 10**30)):
        content = json.dumps({"metadata": {"total_size": size}, "weight_map": {"a": "model.safetensors"}}).encode()
        verdict, reason = (REJECTED, "Infinity") if name == "infinite" else (ACCEPTED, "total_size")
        yield Case(f"total_size {name}", verdict, _writing(content), reason)


def _bad_indexes() -> Iterator[tuple[str, str | bytes, str]]:
    for shard in (
        "../other/model.safetensors",
        "/etc/passwd",
        "C:\\model.safetensors",
        "..\\x",
        "a//b",
        "",
        ".",
        "a\0b",
    ):
        yield f"shard {shard!r}", json.dumps({"weight_map": {"a": shard}}), "leads out"
    yield "shard is a list", '{"weight_map":{"a":["x"]}}', "file name"
    yield "shard is a number", '{"weight_map":{"a":3}}', "file name"
    yield "shard is null", '{"weight_map":{"a":null}}', "file name"
    yield "map is missing", '{"metadata":{}}', "weight_map"
    yield "map is a list", '{"weight_map":[]}', "object"
    yield "duplicate tensor", '{"weight_map":{"a":"x","a":"y"}}', "twice"
    yield "duplicate key", '{"weight_map":{},"weight_map":{}}', "twice"
    yield "array", "[]", "object"
    yield "nested 500,000 deep", "[" * 500_000, "object"
    yield "nested within", '{"metadata":' + "[" * 500_000, ""
    yield "number of 100,000 digits", '{"metadata":' + "9" * 100_000 + ',"weight_map":{}}', "digits"
    yield "cut", '{"weight_map":{"a":"x"', ""
    yield "byte order mark", b"\xef\xbb\xbf{}", "object"
    yield "UTF-16", '{"weight_map":{}}'.encode("utf-16"), ""
    yield "NUL bytes", b"\0" * 4096, ""
    yield "empty", b"", ""


def one_line(error: DiptychError, path: Path) -> str:
    """The reason, after making sure that the message is one that people can use."""
    assert error.message.startswith(f"{path}: "), error.message
    assert "\n" not in error.message
    assert display.visible(error.message) == error.message
    reason = error.message.removeprefix(f"{path}: ")
    assert 0 < len(reason) <= 200
    return reason
