"""Record files that break rules, each with what must come of it. Pickles are put together opcode by opcode."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

REJECTED = "rejected"
"""An error of one line."""
FLAGGED = "flagged"
"""Evidence with exactly one problem."""
ACCEPTED = "accepted"
PARTIAL = "partial"


@dataclass(frozen=True)
class Case:
    name: str
    content: Callable[[], bytes]
    verdict: str
    says: str = ""
    """Part of the line that people read."""


def case(name: str, content: bytes | Callable[[], bytes], verdict: str, says: str = "") -> Case:
    return Case(name, content if callable(content) else lambda: content, verdict, says)


# JSON --------------------------------------------------------------------------------------------------------------


def json_cases() -> list[Case]:
    """For any record that is one JSON object."""
    return [
        case("empty", b"", REJECTED, "is empty"),
        case("blank", b" \n\t ", REJECTED, "is empty"),
        case("open brackets", b"[" * 500_000, REJECTED),
        case("nested objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, REJECTED, "nested"),
        case("nested 201", b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", REJECTED, "nested"),
        case(
            "nested around a long list",
            lambda: b'{"a":' + b"[" * 220 + b"1," * 300_000 + b"1" + b"]" * 220 + b"}",
            REJECTED,
            "nested",
        ),
        case("long number", b'{"a": ' + b"1" * 100_000 + b"}", REJECTED, "4300 digits"),
        case("duplicate key", b'{"a": 1, "a": 2}', REJECTED, "twice"),
        case("duplicate inner key", b'{"x": {"a": 1, "a": 2}}', REJECTED, "twice"),
        case("utf-16", codecs.BOM_UTF16_LE + '{"a": 1}'.encode("utf-16-le"), REJECTED, "UTF-16"),
        case("utf-16 without mark", '{"a": 1}'.encode("utf-16-le"), REJECTED, "UTF-16"),
        case("byte order mark", codecs.BOM_UTF8 + b'{"a": 1}', REJECTED, "byte order mark"),
        case("nul", b"\0" * 4096, REJECTED, "NUL"),
        case("zlib", zlib.compress(b'{"a": 1}'), REJECTED, "compressed"),
        case("gzip", gzip.compress(b'{"a": 1}'), REJECTED, "compressed"),
        case("not utf-8", b'{"a": "\xff\xfe\xfa"}', REJECTED, "UTF-8"),
        case("long text", lambda: b'{"a": "' + b"x" * (17 * 2**20) + b'"}', REJECTED, "million characters"),
        case("half surrogate", b'{"a": "\\ud800"}', REJECTED, "surrogate"),
        case("half surrogate as key", b'{"\\udfff": 1}', REJECTED, "surrogate"),
        case("two documents", b'{"a": 1} {"b": 2}', REJECTED, "follows"),
        case("array", b"[1, 2]", REJECTED, "not a JSON object"),
        case("text", b'"a"', REJECTED, "not a JSON object"),
        case("control character", b'{"a": "x\ny"}', REJECTED, "control character"),
        case("trailing comma", b'{"a": 1,}', REJECTED, "line 1"),
        case("no colon", b'{"a" 1}', REJECTED, "colon"),
        case("single quotes", b"{'a': 1}", REJECTED, "line 1"),
        case("page", b"<!doctype html><html></html>", REJECTED, "not"),
    ]


def trainer_state_cases() -> list[Case]:
    def state(log: object, **more: object) -> bytes:
        return json.dumps({"global_step": 20, "log_history": log, **more}).encode()

    return [
        case("steps going back", state([{"step": s, "loss": s} for s in (10, 20, 30, 20, 25)]), ACCEPTED),
        case("step is text", state([{"step": "10", "loss": 1.0}, {"step": 20, "loss": 2.0}]), FLAGGED, "step is text"),
        case("step is a truth value", state([{"step": True, "loss": 1.0}]), FLAGGED, "step is true or false"),
        case("loss is a list", state([{"step": 10, "loss": [1.0]}]), FLAGGED, "loss is a list"),
        case("log is null", state(None), FLAGGED, "log_history is null"),
        case("entry is text", state(["x"]), FLAGGED, "not an object"),
        case("step is missing", state([{"loss": 1}]), FLAGGED, "step is missing"),
        case("global step is text", state([], global_step="20"), FLAGGED, "global_step is text"),
        case("cut", state([{"step": 10, "loss": 1.0}, {"step": 20, "loss": 2.0}])[:70], PARTIAL),
        case("formula as key", state([{"step": 10, "=cmd|' /C calc'!A0": 1.0}]), ACCEPTED),
        case("not finite", b'{"log_history": [{"step": 1, "loss": NaN, "x": 1e400, "y": -Infinity}]}', ACCEPTED),
        case("no log", b"{}", ACCEPTED),
    ]


def lm_eval_cases() -> list[Case]:
    def results(value: object) -> bytes:
        return json.dumps({"results": value, "config": {"model": "hf", "model_args": "pretrained=a/b"}}).encode()

    return [
        case("results are text", results("N/A"), REJECTED, "results are text"),
        case("results are a list", results([1]), REJECTED, "results are a list"),
        case("results are missing", b'{"results_": 1}', REJECTED, "missing"),
        case("a task is text", results({"arc": "N/A"}), FLAGGED, "are text"),
        case("a value is text", results({"arc": {"acc,none": "N/A"}}), ACCEPTED),
        case("a value is a list", results({"arc": {"acc,none": [1, 2]}}), FLAGGED, "is a list"),
        case("markup as task", results({"<img src=x onerror=alert(1)>": {"acc,none": 0.5}}), ACCEPTED),
        case("out of range", results({"arc": {"acc,none": 7.5, "acc_stderr,none": -1}}), FLAGGED, "negative"),
        case("infinite", b'{"results": {"arc": {"acc,none": 1e400, "b": NaN}}}', ACCEPTED),
    ]


# pickles -----------------------------------------------------------------------------------------------------------


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def call(module: str, name: str, *args: bytes) -> bytes:
    """REDUCE of a global with arguments."""
    return glob(module, name) + b"(" + b"".join(args) + b"tR"


def plain(value: object) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return b"](" + b"".join(map(plain, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(plain(each) for pair in value.items() for each in pair) + b"u"
    raise TypeError(value)


def arguments(
    fields: dict[str, object], module: str = "transformers.training_args", name: str = "TrainingArguments"
) -> bytes:
    """A pickle like that of training arguments; values as `bytes` are opcodes."""
    return b"\x80\x02" + glob(module, name) + b")\x81" + plain(fields) + b"b."


def torch_zip(pickle: bytes, top: str = "training_args", compression: int = zipfile.ZIP_STORED) -> bytes:
    """The archive that `torch.save` makes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(f"{top}/data.pkl", pickle)
        archive.writestr(f"{top}/.format_version", "1")
        archive.writestr(f"{top}/byteorder", "little")
        archive.writestr(f"{top}/version", "3\n")
    return buffer.getvalue()


SYSTEM = b"\x80\x02" + call("posix", "system", text("touch CANARY")) + b"."
GOOD = {"learning_rate": 0.0003, "seed": 42}


def _archive(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def _twice() -> bytes:
    """Two entries of one name, which `zipfile` warns of when it writes them."""
    content = _archive(("a/data.pkl", arguments(GOOD)), ("a/data.pkX", SYSTEM))
    return content.replace(b"a/data.pkX", b"a/data.pkl")


def _encrypted() -> bytes:
    content = bytearray(torch_zip(arguments(GOOD)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _bad_checksum() -> bytes:
    return torch_zip(arguments(GOOD)).replace(text("seed"), text("sEEd"), 1)


def _two_names() -> bytes:
    content = torch_zip(arguments(GOOD))
    return content.replace(b"training_args/data.pkl", b"training_args/data.pkx", 1)


def _wrong_directory() -> bytes:
    """The end record points 40 bytes before the directory."""
    content = bytearray(torch_zip(arguments(GOOD)))
    end = content.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", content, end + 16)
    struct.pack_into("<I", content, end + 16, start - 40)
    return bytes(content)


def _bomb() -> bytes:
    return _archive(("a/data.pkl", b"\x80\x02" + b"N0" * (150 * 2**20) + b"N."), compression=zipfile.ZIP_DEFLATED)


def _many_entries() -> bytes:
    return _archive(("a/data.pkl", arguments(GOOD)), *((f"a/data/{n}", b"") for n in range(100_000)))


def _legacy(pickle: bytes) -> bytes:
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    return magic + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + pickle + b"\x80\x02]."


def pickle_cases() -> list[Case]:
    code = "contains code — not run"
    p2 = b"\x80\x02"
    good = arguments(GOOD)
    return [
        # calls
        case("os.system in an archive", torch_zip(SYSTEM), FLAGGED, f"{code}: posix.system"),
        case("os.system bare", SYSTEM, FLAGGED, f"{code}: posix.system"),
        case("os.system protocol 0", b"cos\nsystem\n(S'touch CANARY'\ntR.", FLAGGED, f"{code}: os.system"),
        case("os.system by INST", b"(S'touch CANARY'\nios\nsystem\n.", FLAGGED, f"{code}: os.system"),
        case("os.system by OBJ", b"(" + glob("os", "system") + text("touch CANARY") + b"o.", FLAGGED, code),
        case("os.system in a field", arguments({"a": call("os", "system", text("touch CANARY"))}), FLAGGED, code),
        case("os.system thrown away", p2 + call("os", "system", text("x")) + b"0" + good[2:], FLAGGED, code),
        case("cut after the call", SYSTEM[:-1], REJECTED, code),
        case("bad opcode after the call", SYSTEM[:-1] + b"\xff.", REJECTED, code),
        case("__import__", p2 + call("builtins", "__import__", text("os")) + b".", FLAGGED, "builtins.__import__"),
        case(
            "getattr chain",
            p2 + call("builtins", "getattr", call("builtins", "__import__", text("os")), text("system")) + b".",
            FLAGGED,
            code,
        ),
        case("timeit", p2 + call("timeit", "timeit", text("import os")) + b".", FLAGGED, "timeit.timeit"),
        case("FileHandler", p2 + call("logging", "FileHandler", text("CANARY")) + b".", FLAGGED, "logging.FileHandler"),
        case("pip", p2 + call("pip", "main", b"](X\x01\x00\x00\x00xe") + b".", FLAGGED, "pip.main"),
        case("eval", p2 + call("builtins", "eval", text("1")) + b".", FLAGGED, "builtins.eval"),
        case("exec", p2 + call("__builtin__", "exec", text("1")) + b".", FLAGGED, "__builtin__.exec"),
        case(
            "STACK_GLOBAL", b"\x80\x04" + text("os") + text("system") + b"\x93" + text("x") + b"\x85R.", FLAGGED, code
        ),
        case("torch's shell", p2 + call("torch.utils.collect_env", "run", text("id")) + b".", FLAGGED, code),
        case("asyncio", p2 + call("asyncio.unix_events", "_UnixSubprocessTransport", text("x")) + b".", FLAGGED, code),
        case("smtplib", p2 + call("smtplib", "SMTP", text("localhost")) + b".", FLAGGED, "smtplib.SMTP"),
        case("urllib", p2 + call("urllib.request", "urlopen", text("http://localhost")) + b".", FLAGGED, code),
        case("attrgetter", p2 + call("operator", "attrgetter", text("system")) + b".", FLAGGED, "operator.attrgetter"),
        case(
            "function of a library", p2 + call("transformers.utils.hub", "cached_file", text("x")) + b".", FLAGGED, code
        ),
        case("dotted name", p2 + call("transformers", "TrainingArguments.x", text("x")) + b".", FLAGGED, code),
        case("BUILD on a module", p2 + glob("os", "environ") + b")\x81}(X\x01\x00\x00\x00aNub.", FLAGGED, "os.environ"),
        # streams
        case("empty", b"", REJECTED, "is empty"),
        case("no pickle", b"these are no arguments at all\n", REJECTED, "pickle"),
        case("cut", good[:-20], REJECTED, "pickle"),
        case("second stream", good + good, REJECTED, "after the end"),
        case("code in a second stream", good + SYSTEM, REJECTED, "after the end"),
        case("two values", p2 + b"NN.", REJECTED, "more than one value"),
        case("no value", p2 + b".", REJECTED, "not there"),
        case("memo bomb", p2 + b"Nr\xff\xff\xff\x7f.", REJECTED, "no training arguments"),
        case("missing memo", p2 + b"j\xff\xff\xff\x7f.", REJECTED, "never stored"),
        case("LONG4 of 2 GB", p2 + b"\x8b\xff\xff\xff\x7f.", REJECTED, "pickle"),
        case("long number", p2 + b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".", REJECTED, "absurd size"),
        case("frame of 2^63", b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.", REJECTED, "frame"),
        case("text of 2^62", b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"N.", REJECTED, "pickle"),
        case("bytes of 2^63", b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"N.", REJECTED, "pickle"),
        case("nested tuples", p2 + b")" + b"\x85" * 200_000 + b".", REJECTED, "no training arguments"),
        case("nested tuple as key", arguments({"x": 1})[:-2] + b"}(" + b")" + b"\x85" * 200_000 + b"Nub.", REJECTED),
        case("nested tuples in a field", arguments({"x": b")" + b"\x85" * 200_000}), FLAGGED, "deeper"),
        case("recursive list", arguments({"x": b"]q\x00h\x00a"}), ACCEPTED),
        case("recursive dict", arguments({"x": b"}q\x00" + text("y") + b"h\x00s"}), ACCEPTED),
        case(
            "shared lists",
            arguments({"x": b"]" + b"".join(b"q%c0(h%ch%cl" % (n, n, n) for n in range(60))}),
            FLAGGED,
            "more values",
        ),
        case("many steps", lambda: p2 + b"N0" * 600_000 + b"N.", REJECTED, "steps"),
        case("many values", lambda: p2 + b"N" * 300_000 + b".", REJECTED, "values"),
        case("EXT1", p2 + b"\x82\x01.", REJECTED, "EXT1"),
        case("EXT4", p2 + b"\x84\x01\x00\x00\x00.", REJECTED, "EXT4"),
        case("next buffer", b"\x80\x05\x97.", REJECTED, "NEXT_BUFFER"),
        case("append to text", p2 + text("a") + b"Na.", REJECTED, "no list"),
        case("odd items", p2 + b"}(Nu.", REJECTED, "without a value"),
        case("too large", lambda: b"\x80\x02" + b"N0" * 2**23 + b"N.", REJECTED, "larger"),
        # archives
        case("cut archive", torch_zip(good)[:-30], REJECTED, "archive"),
        case("data.pkl twice", _twice, REJECTED, "twice"),
        case("encrypted", _encrypted, REJECTED, "encrypted"),
        case("bad checksum", _bad_checksum, REJECTED, "checksum"),
        case("two names", _two_names, REJECTED, "archive"),
        case("wrong directory", _wrong_directory, REJECTED, "archive"),
        case("two archives", torch_zip(SYSTEM) + torch_zip(good), REJECTED, "wrong place"),
        case("no data.pkl", lambda: _archive(("a/other.pkl", good)), REJECTED, "without a data.pkl"),
        case("path upwards", lambda: _archive(("a/data.pkl", good), ("a/../../x", b"")), REJECTED, "leads out"),
        case("absolute path", lambda: _archive(("a/data.pkl", good), ("/etc/x", b"")), REJECTED, "leads out"),
        case("bomb", _bomb, REJECTED, "far more"),
        case("many entries", _many_entries, REJECTED, "files"),
        case("TorchScript", lambda: _archive(("a/data.pkl", good), ("a/code/x.py", b"")), REJECTED, "TorchScript"),
        case("empty pickle", lambda: _archive(("a/data.pkl", b"")), REJECTED, "pickle"),
        # good ones
        case("good archive", torch_zip(good), ACCEPTED),
        case("good bare", good, ACCEPTED),
        case("good old container", _legacy(good), ACCEPTED),
        case("code in an old container", _legacy(arguments({"a": call("os", "system", text("x"))})), FLAGGED, code),
    ]
