"""How the network may be used: trust, patience, speed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi

from diptych import display
from diptych.domain.address import is_loopback
from diptych.errors import Refused


@dataclass(frozen=True, slots=True)
class Network:
    """What holds for every connection of one remote."""

    ca_file: Path | None = None
    """Certificates to trust beside the usual ones. There is no way to switch checking off."""
    bytes_per_second: float = 0
    """The most that is sent or received; 0 for no limit."""
    connect_seconds: float = 10
    answer_seconds: float = 60
    """How long a server may stay silent, and over how long the slowest rate is measured."""
    slowest: float = 1024
    """Bytes per second below which a transfer is given up and tried again."""
    attempts: int = 6
    """Tries in a row without any progress before a transfer is given up."""
    contacts: int = 3
    """Tries to reach a server that has not answered yet: its address may be wrong, and somebody waits to learn that."""
    longest_wait: float = 30
    """Seconds waited at most between two tries, whatever the server asks for."""

    def tls(self) -> ssl.SSLContext:
        """The trust for TLS: the system's roots, certifi's and the user's own. `Refused` for an unusable file."""
        if self.ca_file is None:
            return _trust(None)
        try:
            return _trust(self.ca_file.read_text("ascii", "ignore"))
        except (OSError, ssl.SSLError):
            raise Refused(
                f"{display.path(self.ca_file)}: no certificates in PEM form", "Choose the file of your authority."
            ) from None


@lru_cache(4)
def _trust(own: str | None) -> ssl.SSLContext:
    """The usual roots and the user's `own` in PEM; kept, since reading them all takes as long as several requests."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT@SECLEVEL=2")
    context.load_verify_locations(certifi.where())
    if own is not None:
        context.load_verify_locations(cadata=own)
    return context


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for `url`; None for this machine, and where none is named."""
    split = urlsplit(url)
    host = split.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(split.scheme)


def quiet() -> None:
    """Keep the libraries below from writing addresses, which may be signed, into logs."""
    import logging

    for name in ("httpx", "httpcore", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
