"""Machine code becomes a library that the system loads, and nothing that would not work does."""

from __future__ import annotations

import ctypes
import platform
import struct
from pathlib import Path

import pytest
from llvmlite import binding

from diptych.tensors.linking import Unlinkable, shared_library

ADDING = """
@weights = internal constant [4 x i64] [i64 1, i64 10, i64 100, i64 1000], align 32
define internal i64 @weight(i64 %at) noinline {
  %place = getelementptr [4 x i64], ptr @weights, i64 0, i64 %at
  %found = load i64, ptr %place
  ret i64 %found
}
define i64 @weighted(i64 %at, i64 %by) {
  %weight = call i64 @weight(i64 %at)
  %found = mul i64 %weight, %by
  ret i64 %found
}
define i64 @twice(i64 %value) {
  %found = call i64 @weighted(i64 0, i64 %value)
  %sum = add i64 %found, %value
  ret i64 %sum
}
"""
CALLING = "declare i64 @elsewhere()\ndefine i64 @here() {\n %found = call i64 @elsewhere()\n ret i64 %found\n}"
KEEPING = "@kept = internal global i64 7\ndefine ptr @place() {\n ret ptr @kept\n}"


def compiled(text: str, triple: str | None = None) -> bytes:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(triple) if triple else binding.Target.from_default_triple()
    module = binding.parse_assembly(text)
    module.triple = triple or target.triple
    made: bytes = target.create_target_machine(reloc="pic", codemodel="small").emit_object(module)
    return made


@pytest.mark.skipif(platform.system() != "Linux", reason="libraries of Linux")
def test_every_function_of_the_library_can_be_called(tmp_path: Path) -> None:
    file = tmp_path / "library.so"
    file.write_bytes(shared_library(compiled(ADDING)))
    library = ctypes.CDLL(str(file))
    assert [library["weighted"](at, 3) for at in range(4)] == [3, 30, 300, 3000]
    assert library["twice"](21) == 42
    with pytest.raises(AttributeError):
        library["weight"]


def test_no_page_of_the_library_is_both_written_and_executed() -> None:
    made = shared_library(compiled(ADDING))
    (begin,) = struct.unpack_from("<Q", made, 32)
    width, count = struct.unpack_from("<HH", made, 54)
    segments = [struct.unpack_from("<II", made, begin + at * width) for at in range(count)]
    assert len(segments) == 4
    assert not [flags for _, flags in segments if flags & 3 == 3]


@pytest.mark.parametrize("text", [CALLING, KEEPING])
def test_code_that_needs_more_than_itself_is_refused(text: str) -> None:
    with pytest.raises(Unlinkable):
        shared_library(compiled(text))


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(Unlinkable):
        shared_library(bytes(4096))


def test_places_in_code_for_arm_are_reckoned_by_page_and_within_it() -> None:
    made = shared_library(compiled(ADDING, "aarch64-unknown-linux-gnu"))
    words = struct.unpack_from(f"<{len(made) // 4}I", made)
    at = next(at for at, word in enumerate(words) if word & 0x9F000000 == 0x90000000)
    page = (words[at] >> 29 & 3) | (words[at] >> 5 & 0x7FFFF) << 2
    adding = next(word for word in words[at + 1 :] if word & 0xFFC00000 == 0x91000000)
    target = ((at * 4 >> 12) + page << 12) + (adding >> 10 & 0xFFF)
    assert struct.unpack_from("<4Q", made, target) == (1, 10, 100, 1000)
    jumps = [(at * 4, word) for at, word in enumerate(words) if word & 0xFC000000 == 0x94000000]
    assert jumps
    assert all(0 < place + 4 * ((word & 0x3FFFFFF ^ 0x2000000) - 0x2000000) < len(made) for place, word in jumps)
