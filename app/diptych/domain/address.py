"""Addresses of registries: they say what they are, and never hold a secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from diptych.display import visible
from diptych.errors import Refused

SCHEMES = {
    "hf": "hub",
    "hf+http": "hub",
    "hf+https": "hub",
    "mlflow+http": "mlflow",
    "mlflow+https": "mlflow",
    "oci": "oci",
    "oci+http": "oci",
    "s3": "s3",
    "file": "folder",
}
"""The kind of registry that each scheme stands for."""
_FORMS = (
    "Write hf://org/name, mlflow+https://host/model, oci://host/repository, s3://bucket/prefix or file:///folder; "
    "plain http is for this machine only, such as oci+http://127.0.0.1:5000/x."
)
_HUB_PAGE = re.compile(r"(?:huggingface|hf)\.co/(?!datasets/|spaces/)([\w.-]+/[\w.-]+)")
"""What browsers show as the address of a model."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a registry keeps one model."""

    kind: str
    """`hub`, `mlflow`, `oci`, `s3` or `folder`."""
    scheme: str
    host: str
    """The host; the bucket of S3; empty for a folder and for the public Hub."""
    port: int | None
    path: str
    """Without a leading slash, except for a folder: the repository, the model's name, the prefix."""

    def __str__(self) -> str:
        slash = "/" if self.authority and self.path else ""
        path = self.path.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
        return f"{self.scheme}://{self.authority}{slash}{path}"

    @property
    def authority(self) -> str:
        """Host and port as they stand in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port is not None else host

    @property
    def plain(self) -> bool:
        """Whether it is spoken to without TLS."""
        return self.scheme.endswith("+http")

    @property
    def origin(self) -> str:
        """The web origin that is spoken to; empty where the address does not name one (S3, folders, the public Hub)."""
        if self.kind in ("s3", "folder") or not self.host:
            return ""
        return f"{'http' if self.plain else 'https'}://{self.authority}"


def parse(text: str) -> Address:
    """The address that `text` says. Raises `Refused` with the forms that are understood."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        # it may be a token that was put into the wrong field, so it is not repeated
        raise Refused("that is not an address of a registry: it does not say of which kind", _FORMS)
    scheme = scheme.lower()
    shown = _harmless(scheme, rest)
    if scheme not in SCHEMES:
        page = _HUB_PAGE.match(rest)
        raise Refused(f"{shown}: not an address of a registry", f"Write hf://{page[1]}." if page else _FORMS)
    # a password may hold any sign, so wherever an @ is not part of names, it is taken for one that ends a login
    if "@" in {"file": "", "s3": rest.partition("/")[0]}.get(scheme, rest):
        raise Refused(
            "the address holds a user name, a password or a reference",
            "Logins go into the keyring; a branch or tag is named in a push or pull.",
        )
    if scheme == "file":
        if not rest.startswith("/"):
            raise Refused(f"{shown}: a folder needs a full path", "Write file:///folder.")
        return Address("folder", scheme, "", None, unquote(rest).rstrip("/") or "/")
    if scheme == "hf":
        if re.search(r"[?#]", rest):  # names there have no such sign, and what follows may be a token
            raise Refused(f"{shown}: not an address of a registry", _FORMS)
        return Address("hub", scheme, "", None, _path(rest, shown, parts=(1, 2)))
    try:
        split = urlsplit(f"//{rest}")
        host, port = (split.hostname or "").lower(), split.port
    except ValueError:
        raise Refused(f"{shown}: no such host or port", _FORMS) from None
    if split.query or split.fragment or not host:
        raise Refused(f"{shown}: not an address of a registry", _FORMS)
    if scheme.endswith("+http") and not is_loopback(host):
        raise Refused(f"{shown}: plain http is accepted for this machine only", "Use the https form of the address.")
    kind = SCHEMES[scheme]
    path = _path(split.path, shown, parts=(0, 99) if kind == "s3" else (1, 99))
    return Address(kind, scheme, host, port, path)


def is_elsewhere(text: str, names: Collection[str] = ()) -> bool:
    """Whether `text` names a version at a remote: `address@ref`, or `name@ref` with one of `names`."""
    scheme, mark, _ = text.partition("://")
    if mark and scheme.lower() in SCHEMES:
        return True
    name, at, _ = text.rpartition("@")
    return bool(at) and name in names


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _harmless(scheme: str, rest: str) -> str:
    """An address for messages, without the places where people put secrets: before the host, and after the path."""
    return visible(f"{scheme}://{'…' if '@' in rest else re.split(r'[?#]', rest, maxsplit=1)[0]}")


def _path(text: str, shown: str, parts: tuple[int, int]) -> str:
    path = unquote(text).strip("/")
    names = path.split("/") if path else []
    least, most = parts
    if not least <= len(names) <= most or any(name in ("", ".", "..") or not name.isprintable() for name in names):
        raise Refused(f"{shown}: names no model", _FORMS)
    return path


def quoted(path: str) -> str:
    """`path` for use in a URL, slashes kept."""
    return quote(path, safe="/")
