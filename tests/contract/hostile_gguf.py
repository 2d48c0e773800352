"""GGUF files that nobody should write, each with what must become of it, and a plain builder for good ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

REJECTED = "rejected"
ACCEPTED = "accepted"
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "BF16": 30}


@dataclass(frozen=True)
class Case:
    """One file, what must become of it, and a word that must stand in the reason."""

    name: str
    content: bytes
    verdict: str = REJECTED
    reason: str = ""


def text(value: str | bytes) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, length: int, values: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, length) + values


def tensor(name: str | bytes, shape: Sequence[int], kind: int, offset: int) -> bytes:
    """A row of the table; `shape` with the fastest dimension first, as the file has it."""
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(
    pairs: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    version: int = 3,
    magic: bytes = b"GGUF",
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    count = counts if counts is not None else (len(tensors), len(pairs))
    head = magic + struct.pack("<IQQ", version, *count) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


def whole() -> bytes:
    """One tensor of several types, with values that mean something."""
    values = np.linspace(-2, 2, 64, dtype=np.float32)
    q8 = b"".join(np.float16(0.01).tobytes() + np.arange(-16, 16, dtype=np.int8).tobytes() for _ in range(2))
    q4 = b"".join(np.float16(0.5).tobytes() + bytes(range(0, 256, 16)) for _ in range(2))
    parts = [
        ("f32", "F32", values.tobytes()),
        ("f16", "F16", values.astype(np.float16).tobytes()),
        ("bf16", "BF16", (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()),
        ("q8", "Q8_0", q8),
        ("q4", "Q4_0", q4),
    ]
    tensors, data = [], b""
    for name, dtype, raw in parts:
        tensors.append(tensor(name, (32, 2), TYPES[dtype], len(data)))
        data += raw + bytes(-len(raw) % 32)
    pairs = [
        pair("general.architecture", STRING, text("llama")),
        pair("llama.block_count", U32, struct.pack("<I", 2)),
        pair("tokens", ARRAY, array(STRING, 300, b"".join(text(f"t{at}") for at in range(300)))),
        pair("flag", BOOL, b"\1"),
    ]
    return gguf(pairs, tensors, data)


ONE = tensor("a", (8,), 0, 0)
DATA = bytes(32)


def cases() -> Iterator[Case]:
    """The corpus."""
    good = gguf([], [ONE], DATA)
    yield Case("good", good, ACCEPTED)
    yield Case("version 2", gguf([], [ONE], DATA, version=2), ACCEPTED)
    yield Case("no tensors", gguf([pair("k", U8, b"\1")]), ACCEPTED)
    yield Case(
        "a template", gguf([pair("tokenizer.chat_template", STRING, text("{% for x in y %}"))], [ONE], DATA), ACCEPTED
    )
    yield Case(
        "a name that hides",
        gguf([pair("\x1b[31m\u202e", U8, b"\1")], [tensor("\x1b\u202e", (8,), 0, 0)], DATA),
        ACCEPTED,
    )
    yield Case(
        "three million bytes", gguf([pair("k", ARRAY, array(U8, 3_000_000, bytes(3_000_000)))], [ONE], DATA), ACCEPTED
    )
    yield Case("nested once", gguf([pair("k", ARRAY, array(ARRAY, 1, array(U8, 2, b"ab")))], [ONE], DATA), ACCEPTED)
    yield Case("an unknown type", gguf([], [tensor("a", (8,), 42, 0)], DATA), ACCEPTED)
    yield Case("empty", b"", reason="empty")
    yield Case("magic only", b"GGUF")
    yield Case("bad magic", gguf(magic=b"GGML"), reason="not a GGUF file")
    yield Case("old magic", gguf(magic=b"ggml"), reason="not a GGUF file")
    for version in (0, 1, 99):
        yield Case(f"version {version}", gguf([], [ONE], DATA, version=version), reason="version")
    yield Case("big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0), reason="big-endian")
    for count in (2**63, 2**64 - 1):
        yield Case(f"{count} tensors", gguf(counts=(count, 0)), reason="more than fit")
        yield Case(f"{count} pairs", gguf(counts=(0, count)), reason="more than fit")
    for length in (2**48, 2**64 - 1):
        yield Case(f"key of {length}", gguf([struct.pack("<Q", length) + bytes(32)], counts=(0, 1)))
    yield Case("key of nothing", gguf([pair("", U8, b"\1"), bytes(16)], counts=(0, 1)), reason="length")
    yield Case("long string", gguf([text("k") + struct.pack("<IQ", STRING, 2**40) + bytes(16)], counts=(0, 1)))
    yield Case("array of 2^63 numbers", gguf([pair("k", ARRAY, array(U32, 2**63, bytes(16)))]), reason="more than fit")
    yield Case("array of 2^63 bytes", gguf([pair("k", ARRAY, array(U8, 2**63, bytes(16)))]), reason="more than fit")
    yield Case(
        "array of 2^60 strings", gguf([pair("k", ARRAY, array(STRING, 2**60, bytes(16)))]), reason="more than fit"
    )
    yield Case("array of 2^62 arrays", gguf([pair("k", ARRAY, array(ARRAY, 2**62, bytes(16)))]), reason="more than fit")
    deep = b"".join(array(ARRAY, 1) for _ in range(50_000)) + array(U8, 1, b"\1")
    yield Case("nested 50,000 deep", gguf([pair("k", ARRAY, deep)]), reason="nested")
    yield Case("unknown type of value", gguf([pair("k", 13, bytes(16))]), reason="unknown type")
    yield Case("array of an unknown type", gguf([pair("k", ARRAY, array(99, 1, bytes(16)))]), reason="unknown type")
    yield Case(
        "string in an array too long",
        gguf([pair("k", ARRAY, array(STRING, 300, (text("x") * 299) + struct.pack("<Q", 2**50)))]),
    )
    yield Case("key twice", gguf([pair("k", U8, b"\1"), pair("k", U8, b"\2")]), reason="twice")
    yield Case("tensor twice", gguf([], [ONE, tensor("a", (8,), 0, 32)], DATA * 2), reason="twice")
    for rank in (0, 5, 10**6, 2**32 - 1):
        row = text("a") + struct.pack("<I", rank) + bytes(64)
        yield Case(f"{rank} dimensions", gguf([], [row], DATA, counts=(1, 0)), reason="dimensions")
    yield Case("shape that overflows", gguf([], [tensor("a", (2**32, 2**32), 0, 0)], DATA), reason="shape")
    yield Case("shape that wraps", gguf([], [tensor("a", (2**62, 4, 1, 1), 0, 0)], DATA), reason="shape")
    yield Case("dimension of nothing", gguf([], [tensor("a", (0, 8), 0, 0)], DATA), reason="shape")
    yield Case("offset past the end", gguf([], [tensor("a", (8,), 0, 64)], DATA), reason="ends after")
    yield Case("offset near 2^64", gguf([], [tensor("a", (8,), 0, 2**64 - 32)], DATA), reason="ends after")
    yield Case("unaligned", gguf([], [tensor("a", (4,), 0, 4)], DATA), reason="multiple")
    yield Case("overlap", gguf([], [tensor("a", (16,), 0, 0), tensor("b", (8,), 0, 32)], DATA * 2), reason="overlaps")
    yield Case("cut data", good[:-4], reason="ends after")
    yield Case("rows that blocks do not fill", gguf([], [tensor("a", (33, 32), 8, 0)], bytes(2048)), reason="blocks")
    for alignment in (0, 3, 2**31):
        yield Case(
            f"alignment {alignment}",
            gguf([pair("general.alignment", U32, struct.pack("<I", alignment))], [ONE], DATA),
            reason="alignment",
        )
    yield Case(
        "alignment in words", gguf([pair("general.alignment", STRING, text("32"))], [ONE], DATA), reason="alignment"
    )
    yield Case("key that is not UTF-8", gguf([pair(b"\xff\xfe", U8, b"\1")], [ONE], DATA), reason="UTF-8")
    yield Case("name that is not UTF-8", gguf([], [tensor(b"\xff\xfe", (8,), 0, 0)], DATA), reason="UTF-8")
    yield Case("boolean of 255", gguf([pair("k", BOOL, b"\xff")], [ONE], DATA), reason="boolean")
    for cut in range(8, len(good) - len(DATA) - 32, 7):
        yield Case(f"cut after {cut}", good[:cut])
