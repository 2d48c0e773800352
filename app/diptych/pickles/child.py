"""The process in which foreign pickles are stepped through: little memory, nothing else in reach.

It is handed open files through the socket that is its standard input, one after the other, and answers each with lines
of JSON: tensors in batches, then one line that ends the answer.
"""

from __future__ import annotations

import codecs
import json
import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

from diptych.pickles.checkpoint import Code, Cut, read_checkpoint
from diptych.pickles.inert import NotPickle

MOST_MEMORY = 2 * 2**30
"""Bytes of address space."""
_BATCH = 500
_CODECS = ("ascii", "latin-1", "utf-8", "cp437", "raw-unicode-escape", "unicode-escape")
"""What the standard library looks up by name while it reads pickles and archives; later nothing is imported."""
_DENIED = (
    "os.",
    "subprocess.",
    "shutil.",
    "ctypes.",
    "socket.",
    "import",
    "exec",
    "compile",
    "pickle.",
    "pty.",
    "glob.",
)


def main() -> None:
    """Answer until the other end hangs up."""
    for codec in _CODECS:
        codecs.lookup(codec)
    json.dumps({"ready": [1.5, "ä"]})
    _limit()
    channel = socket.socket(fileno=0)
    sys.addaudithook(_deny)
    while True:
        _, descriptors, _, _ = socket.recv_fds(channel, 16, 1)
        if not descriptors:
            return
        for answer in _answers(descriptors[0]):
            channel.sendall(json.dumps(answer).encode() + b"\n")


def _answers(descriptor: int) -> Iterator[dict[str, object]]:
    try:
        with os.fdopen(descriptor, "rb", buffering=2**20) as file:
            found = read_checkpoint(file, os.fstat(descriptor).st_size)
        for at in range(0, len(found.tensors), _BATCH):
            yield {"tensors": found.tensors[at : at + _BATCH]}
        yield {"container": found.container, "settings": found.settings}
    except Code as code:
        yield {"fault": "code", "reason": str(code)}
    except Cut as cut:
        yield {"fault": "cut", "reason": str(cut)}
    except NotPickle as fault:
        yield {"fault": "damaged", "reason": str(fault)}
    except MemoryError:
        yield {"fault": "damaged", "reason": "needs more memory to be listed than any weights do"}
    except RecursionError:
        yield {"fault": "damaged", "reason": "holds values that are too deep"}
    except OSError as error:
        yield {"fault": "damaged", "reason": f"cannot be read: {os.strerror(error.errno or 0)}"}


def _limit() -> None:
    """Two gibibytes of memory, no files written, no core. Where the system knows no such limit, it has none."""
    for kind, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _deny(event: str, args: tuple[object, ...]) -> None:
    """A second lock: from now on this process starts, imports, compiles and connects nothing, and opens no path."""
    if event.startswith(_DENIED) or (event == "open" and not isinstance(args[0], int)):
        raise PermissionError(1, event)
