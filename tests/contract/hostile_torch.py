"""Weight files of PyTorch that break rules or carry code, each with what must come of it, put together byte by byte."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from making_torch import MAGIC, Tensor, called, named, text, torch_legacy, torch_pickle, torch_zip

ACCEPTED = "accepted"
DAMAGED = "damaged"
CODE = "code"
"""Listed by name only, with the line that names what would have run."""
PARTIAL = "partial"


@dataclass(frozen=True)
class Case:
    name: str
    content: Callable[[], bytes]
    verdict: str
    says: str = ""
    file: str = "pytorch_model.bin"


SYSTEM = called("posix", "system", "touch CANARY")
GOOD: Mapping[str, object] = {"weight": np.arange(6, dtype="f4").reshape(2, 3), "bias": np.ones(2, "f4")}


def _case(name: str, content: bytes | Callable[[], bytes], verdict: str, says: str = "", file: str = "") -> Case:
    return Case(name, content if callable(content) else lambda: content, verdict, says, file or "pytorch_model.bin")


def _zip(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def _changed(content: bytes, *places: tuple[int, int]) -> bytes:
    """`content` with the bits of a mask turned at some places."""
    changed = bytearray(content)
    for at, mask in places:
        changed[at] ^= mask
    return bytes(changed)


def _wrong_directory(by: int) -> bytes:
    content = bytearray(torch_zip(GOOD))
    end = content.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", content, end + 16)
    struct.pack_into("<I", content, end + 16, start + by)
    return bytes(content)


def _view(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    return torch_zip({"a": Tensor(bytes(24), "F32", shape, strides, offset)})


def _loaded(*names: tuple[str, str]) -> bytes:
    """A good state dict after calls whose results are thrown away."""
    calls = b"".join(called(module, name, "x").opcodes + b"0" for module, name in names)
    return torch_zip(b"\x80\x02" + calls + torch_pickle({"a": 1})[2:])


def cases() -> list[Case]:
    code = "contains code — not opened"
    good = torch_zip(GOOD)
    directory = good.index(b"PK\x01\x02")
    scripted = named("__torch__", "Model") + b")\x81}b"
    p2, bare = b"\x80\x02", SYSTEM.opcodes
    gadgets = [
        ("os", "system"), ("builtins", "__import__"), ("builtins", "eval"), ("builtins", "exec"), ("timeit", "timeit"),
        ("logging", "FileHandler"), ("pip", "main"), ("torch.utils.collect_env", "run"), ("smtplib", "SMTP"),
        ("asyncio.unix_events", "_UnixSubprocessTransport"), ("urllib.request", "urlopen"), ("runpy", "run_path"),
        ("operator", "attrgetter"), ("torch.storage", "_load_from_bytes"), ("torch.jit", "load"),
        ("numpy.testing._private.utils", "runstring"), ("torch._utils", "_rebuild_anything"), ("torch", "load"),
        ("__main__", "Model"), ("torch.nn.modules.linear", "Linear"), ("functools", "partial"),
    ]  # fmt: skip
    return [
        _case("good zip", good, ACCEPTED),
        _case("good legacy", torch_legacy(GOOD), ACCEPTED),
        _case("os.system in zip", torch_zip(p2 + bare + b"."), CODE, f"{code}: posix.system"),
        _case("os.system in a state dict", torch_zip({**GOOD, "x": SYSTEM}), CODE, f"{code}: posix.system"),
        _case("os.system raw", p2 + bare + b".", CODE, f"{code}: posix.system"),
        _case("os.system protocol 0", b"cos\nsystem\n(S'touch CANARY'\ntR.", CODE, "os.system"),
        _case("os.system by INST", b"(S'touch CANARY'\nios\nsystem\n.", CODE, "os.system"),
        _case("os.system by OBJ", b"(" + named("os", "system") + text("touch CANARY") + b"o.", CODE, "os.system"),
        _case("os.system in legacy", torch_legacy({**GOOD, "x": SYSTEM}), CODE, "posix.system"),
        _case("os.system as a legacy key", torch_legacy(GOOD) + p2 + bare + b".", DAMAGED, "after the end"),
        _case("cut after REDUCE", p2 + bare, CODE, "posix.system"),
        _case("bad opcode after the payload", p2 + bare + b"\xff.", CODE, "posix.system"),
        _case("in a .txt", p2 + bare + b".", CODE, "posix.system", "notes.ckpt"),
        _case("without an ending", torch_zip({**GOOD, "x": SYSTEM}), CODE, "posix.system", "weights"),
        _case("STACK_GLOBAL", b"\x80\x04" + text("os") + text("system") + b"\x93" + text("x") + b"\x85R.", CODE),
        _case("getattr chain", _chain(), CODE, "builtins.getattr"),
        *(_case(f"{module}.{name}", _loaded((module, name)), CODE, f"{module}.{name}") for module, name in gadgets),
        _case("many names", _loaded(*gadgets), CODE, "more"),
        _case("TorchScript, cut constants", torch_zip(GOOD, more={"archive/constants.pkl": b""}), DAMAGED, "pickle"),
        _case("names of TorchScript without its code", torch_zip(p2 + scripted + b"."), CODE, "__torch__.Model"),
        _case("strides of 2^40", _view((2, 2), (2**40, 1)), DAMAGED, "out of its storage"),
        _case("negative strides", _view((2, 3), (-3, 1), 3), DAMAGED, "no file can hold"),
        _case("code in a second stream", torch_zip(torch_pickle({}) + p2 + bare + b"."), DAMAGED, "after the end"),
        # streams
        _case("empty", b"", DAMAGED, "is empty"),
        _case("not a pickle", b"these are no weights at all\n", DAMAGED, "pickle"),
        _case("not a zip", b"PK\x03\x04" + bytes(100), PARTIAL, "archive"),
        _case("memo bomb", p2 + b"Nr\xff\xff\xff\x7f.", ACCEPTED),
        _case("LONG4 of 2 GB", p2 + b"\x8b\xff\xff\xff\x7f.", DAMAGED, "pickle"),
        _case("frame of 2^63", b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.", DAMAGED, "frame"),
        _case("nested tuples", p2 + b")" + b"\x85" * 200_000 + b".", DAMAGED, "deeper"),
        _case("text of 2^62", b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"N.", DAMAGED, "pickle"),
        _case("bytes of 2^63", b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"N.", DAMAGED, "pickle"),
        _case("EXT1", p2 + b"\x82\x01.", DAMAGED, "EXT1"),
        _case("shared lists", p2 + b"]" + b"".join(b"q%c0(h%ch%cl" % (n, n, n) for n in range(60)) + b".", DAMAGED),
        _case("recursive dict", p2 + b"}q\x00" + text("x") + b"h\x00s.", ACCEPTED),
        # archives
        _case("cut zip", good[:-30], PARTIAL, "archive"),
        _case("cut early", good[:120], PARTIAL, "archive"),
        _case(
            "duplicate data.pkl",
            lambda: _zip(("a/data.pkl", torch_pickle({})), ("a/data.pkl", b"N.")),
            DAMAGED,
            "twice",
        ),
        _case("two data.pkl", lambda: _zip(("a/data.pkl", b"N."), ("b/data.pkl", b"N.")), DAMAGED, "more than one"),
        _case("encrypted flag", _changed(good, (6, 1), (directory + 8, 1)), DAMAGED, "encrypted"),
        _case("encrypted in the local header only", _changed(good, (6, 1)), DAMAGED, "two ways"),
        _case("bad CRC", good.replace(text("weight"), text("WEIGHT"), 1), DAMAGED, "checksum"),
        _case(
            "local and central name differ", good.replace(b"archive/data.pkl", b"archive/data.pkx", 1), DAMAGED, "names"
        ),
        _case("wrong CD offset", _wrong_directory(-40), DAMAGED, "archive"),
        _case("CD offset too far", _wrong_directory(40), DAMAGED, "archive"),
        _case("archive before the archive", torch_zip({"x": SYSTEM}) + good, DAMAGED, "wrong place"),
        _case("no data.pkl", _zip(("a/other.pkl", b"N.")), DAMAGED, "without a data.pkl"),
        _case("../ entry", torch_zip(GOOD, more={"archive/../../x": b""}), DAMAGED, "leads out"),
        _case("absolute entry", torch_zip(GOOD, more={"/etc/x": b""}), DAMAGED, "leads out"),
        _case("bomb", _bomb, DAMAGED, "far more"),
        _case("100,001 entries", _many, DAMAGED, "files"),
        _case("big-endian", lambda: _zip(("a/data.pkl", b"N."), ("a/byteorder", b"big")), DAMAGED, "big-endian"),
        _case("packed storages", _packed, DAMAGED, "packed"),
        _case("tar", bytes(257) + b"ustar" + bytes(250), DAMAGED, "tar"),
        # tensors
        _case("beyond its storage", _view((7,), (1,)), DAMAGED, "out of its storage"),
        _case("offset beyond its storage", _view((6,), (1,), 1), DAMAGED, "out of its storage"),
        _case("strides beyond its storage", _view((2, 3), (9, 1)), DAMAGED, "out of its storage"),
        _case("negative offset", _view((2,), (1,), -1), DAMAGED, "makes no sense"),
        _case("negative size", _view((-2,), (1,)), DAMAGED, "no file can hold"),
        _case("absurd shape", _view((2**40, 2**40), (1, 1)), DAMAGED, "no file can hold"),
        _case("strides of another rank", _view((2, 3), (1,)), DAMAGED, "makes no sense"),
        _case("legacy, cut in the storages", torch_legacy(GOOD)[:-4], PARTIAL, "cut"),
        _case("legacy, more behind", torch_legacy(GOOD) + bytes(4), DAMAGED, "after the end"),
        _case("legacy, magic alone", torch_pickle(MAGIC), DAMAGED, "pickle"),
    ]


def _chain() -> bytes:
    imported = called("builtins", "__import__", "os")
    return b"\x80\x02" + called("builtins", "getattr", imported, "system").opcodes + b"."


def _bomb() -> bytes:
    return _zip(("a/data.pkl", b"\x80\x02" + b"N0" * (150 * 2**20) + b"N."), method=zipfile.ZIP_DEFLATED)


def _many() -> bytes:
    return _zip(("a/data.pkl", torch_pickle({})), *((f"a/data/{number}", b"") for number in range(100_000)))


def _packed() -> bytes:
    with zipfile.ZipFile(io.BytesIO(torch_zip(GOOD))) as archive:
        return _zip(*((name, archive.read(name)) for name in archive.namelist()), method=zipfile.ZIP_DEFLATED)
