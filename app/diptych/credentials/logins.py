"""Logins that other programs keep in their files, to be taken over once. They are only listed until one is chosen."""

from __future__ import annotations

import base64
import configparser
import json
import netrc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from diptych import display
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.errors import DiptychError, NotFound, Refused
from diptych.job import Job, Tick
from diptych.opening import open_regular

_LARGEST = 1 << 20
_HUB = "huggingface.co"
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, slots=True)
class FoundLogin:
    """A login that lies in a file of another program: what, where and for whom, without the secret."""

    key: str
    """What it is called when it is chosen: `docker:ghcr.io`."""
    title: str
    """For people: "Docker login at ghcr.io"."""
    file: Path
    host: str
    """The host that it is for; empty for keys of S3, which never leave this machine: they only sign."""
    user: str = ""
    obstacle: str = ""
    """Why it cannot be taken over; empty where it can."""

    def fits(self, address: Address) -> bool:
        """Whether it is meant for the registry at `address`: a login never goes to another host."""
        program = self.key.partition(":")[0]
        if program == "aws" or address.kind == "s3":
            return program == "aws" and address.kind == "s3"
        if address.kind not in {"hub": ("hub",), "docker": ("oci",)}.get(program, ("hub", "mlflow", "oci")):
            return False
        host = address.authority or _HUB
        return host == self.host or (host in _DOCKER_HUB and self.host in _DOCKER_HUB)


_Found: TypeAlias = tuple[FoundLogin, Secret | None]
_Reader: TypeAlias = Callable[[Path, str], Iterator[_Found]]


def found_logins() -> Job[tuple[FoundLogin, ...]]:
    """Every login that the usual programs keep for this user. Helpers of theirs are named, never run."""
    found: dict[str, FoundLogin] = {}
    for file, read in _sources():
        yield Tick(f"Looking into {display.path(file)}")
        for login, _ in _read(file, read):
            found.setdefault(login.key, login)
    return tuple(found.values())


def secret_of(login: FoundLogin) -> Secret:
    """The login itself, read again from where it was found."""
    if login.obstacle:
        raise Refused(f"{login.title}: {login.obstacle}")
    for file, read in _sources():
        if file == login.file:
            for other, secret in _read(file, read):
                if other.key == login.key and secret is not None:
                    return secret
    raise NotFound(f"{display.path(login.file)}: the login is not there any more")


def _sources() -> Iterator[tuple[Path, _Reader]]:
    """The files, each with what reads it. Environment variables that move them are obeyed."""
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    hub = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    yield Path(os.environ.get("HF_TOKEN_PATH") or hub / "token"), _hub_token
    yield hub / "stored_tokens", _hub_stored
    yield Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json", _docker
    yield home / ".config" / "containers" / "auth.json", _docker
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json", _docker
    yield Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials"), _aws
    yield Path(os.environ.get("NETRC") or home / ".netrc"), _netrc


def _read(file: Path, read: _Reader) -> Iterator[_Found]:
    """What a file holds; one that is not there, or is not what it should be, holds nothing."""
    try:
        with open_regular(file, follow=True) as stream:
            content = stream.read(_LARGEST + 1)
    except (DiptychError, OSError):
        return
    if len(content) <= _LARGEST:
        yield from read(file, content.decode("utf-8", "replace"))


def _hub_token(file: Path, text: str) -> Iterator[_Found]:
    if text.strip():
        yield FoundLogin("hub:token", "Hugging Face token in use", file, _HUB), Secret(text.strip())


def _hub_stored(file: Path, text: str) -> Iterator[_Found]:
    for name, section in _sections(text):
        if token := section.get("hf_token"):
            yield FoundLogin(f"hub:{name}", f"Hugging Face token “{name}”", file, _HUB), Secret(token)


def _aws(file: Path, text: str) -> Iterator[_Found]:
    for name, section in _sections(text):
        user, value = section.get("aws_access_key_id", ""), section.get("aws_secret_access_key", "")
        if user and value:
            passing = "its keys are good for some hours only" if section.get("aws_session_token") else ""
            yield FoundLogin(f"aws:{name}", f"AWS profile “{name}”", file, "", user, passing), Secret(value, user)


def _docker(file: Path, text: str) -> Iterator[_Found]:
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(kept, dict):
        return
    for where, entry in _entries(kept, "auths"):
        host = _host(where)
        user, value = _pair(entry) if isinstance(entry, dict) else ("", "")
        if value:
            yield FoundLogin(f"docker:{host}", f"Docker login at {host}", file, host, user), Secret(value, user)
    for where, helper in _entries(kept, "credHelpers"):
        host = _host(where)
        obstacle = f"kept by the program docker-credential-{helper}, which is not run"
        yield FoundLogin(f"docker:{host}", f"Docker login at {host}", file, host, "", obstacle), None


def _netrc(file: Path, _text: str) -> Iterator[_Found]:
    try:
        hosts = netrc.netrc(file).hosts
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        return
    for host, (user, _, value) in hosts.items():
        if host != "default" and value:
            yield FoundLogin(f"netrc:{host}", f".netrc login at {host}", file, host, user), Secret(value, user)


def _entries(kept: dict[str, object], key: str) -> Iterator[tuple[str, object]]:
    inner = kept.get(key)
    if isinstance(inner, dict):
        yield from ((str(name), value) for name, value in inner.items())


def _pair(entry: dict[str, object]) -> tuple[str, str]:
    """User and password of an entry, as one text in base64 or as two; an identity token has no user."""
    token, packed, user, value = (
        found if isinstance(found := entry.get(key), str) else ""
        for key in ("identitytoken", "auth", "username", "password")
    )
    if token:
        return "", token
    if packed:
        try:
            user, _, value = base64.b64decode(packed, validate=True).decode("utf-8").rstrip("\0").partition(":")
        except ValueError:
            return "", ""
    return user, value


def _host(where: str) -> str:
    """The host of a key such as `https://index.docker.io/v1/` or `ghcr.io`."""
    return urlsplit(where if "//" in where else f"//{where}").netloc.rpartition("@")[2].lower()


def _sections(text: str) -> Iterator[tuple[str, configparser.SectionProxy]]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from ((name, parser[name]) for name in parser.sections())
