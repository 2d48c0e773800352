"""The registries that the user has named, and the way to each with its login."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from diptych import credentials
from diptych.credentials import handed, hardening, logins
from diptych.display import visible
from diptych.domain import address as addresses
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import Access, Remote
from diptych.errors import Conflict, DiptychError, NeedsSecret, NotFound, Refused
from diptych.job import Job
from diptych.remotes import kind_of, open_remote
from diptych.remotes.network import Network
from diptych.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_OF_EVERY_KIND = ("user", "ca_file", "throttle")
_IN_KEYRING = "keyring"
_TRIES = Network().attempts
_TRIES_OF_A_TEST = 2


@dataclass(frozen=True, slots=True)
class NamedRemote:
    """One registry under the user's name for it."""

    name: str
    address: Address
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings of its kind, such as endpoint and region."""
    user: str = ""
    ca_file: Path | None = None
    throttle: float = 0
    """The most bytes per second; 0 for no limit."""
    signed_in: str = ""
    """Where its login is: `session`, `environment`, `keyring`, or empty where there is none."""
    account: str = ""
    """Who the remote took us for when it was tested last."""
    tested: float | None = None
    """When that was, in seconds since 1970."""

    @property
    def title(self) -> str:
        """What kind of registry it is, for people."""
        return kind_of(self.address).title

    @property
    def wants(self) -> str:
        """What it wants for a login, for people; empty where it wants nothing."""
        return kind_of(self.address).secret


class Remotes:
    """Registries by name. Addresses and options rest in the settings, logins in the keyring or in this session."""

    def __init__(self, settings: Settings) -> None:
        hardening.forbid_core_files()  # from here on there may be a login in memory
        self._settings = settings
        self._handed = handed.take_environment()
        self._session: dict[str, Secret] = {}

    def all(self) -> tuple[NamedRemote, ...]:
        """Every registry, by name; an entry of the settings that makes no sense is passed over."""
        found = []
        for name in sorted(self._settings.remotes, key=str.casefold):
            try:
                found.append(self.named(name))
            except DiptychError:
                continue
        return tuple(found)

    def named(self, name: str) -> NamedRemote:
        """The registry called `name`. `NotFound` names those there are."""
        entry = self._settings.remotes.get(name)
        if entry is None:
            known = ", ".join(sorted(self._settings.remotes)) or "none yet; `diptych remote add` adds one"
            raise NotFound(f"{visible(name)}: no remote has this name", f"Remotes: {visible(known)}.")
        address = addresses.parse(entry.get("address", ""))
        handed_over = "environment" if handed.variable(name) in self._handed else ""
        signed_in = "session" if name in self._session else handed_over or entry.get("login", "")
        return NamedRemote(
            name,
            address,
            {key: entry[key] for key in kind_of(address).options if entry.get(key)},
            entry.get("user", ""),
            Path(entry["ca_file"]) if entry.get("ca_file") else None,
            _number(entry.get("throttle")) or 0,
            signed_in,
            entry.get("account", ""),
            _number(entry.get("tested")),
        )

    def known_as(self, name: str, address: Address) -> str:
        """What opens the registry at an address: `name` where it is called so, else its name of today, or the address.

        A name may have been forgotten since it was noted, or mean another registry by now.
        """
        names = [remote.name for remote in self.all() if remote.address == address]
        return name if name in names else next(iter(names), str(address))

    def add(self, name: str, address: str, options: Mapping[str, str]) -> NamedRemote:
        """Remember a registry; nothing is asked of it yet. `Refused` for an option that makes no sense."""
        self._require_free(name)
        entry = {"address": str(addresses.parse(address))} | checked(addresses.parse(address), options)
        self._settings.remotes[name] = entry
        self._settings.save()
        return self.named(name)

    def change(self, name: str, options: Mapping[str, str]) -> NamedRemote:
        """Give a registry other options; those not in `options` stay, empty ones are taken away. Its login stays."""
        remote = self.named(name)
        of_options = {*kind_of(remote.address).options, *_OF_EVERY_KIND}
        entry = self._settings.remotes[name]
        wanted = {key: value for key, value in entry.items() if key in of_options} | dict(options)
        rest = {key: value for key, value in entry.items() if key not in of_options and key != "tested"}
        self._settings.remotes[name] = rest | checked(remote.address, wanted)
        self._settings.save()
        return self.named(name)

    def rename(self, old: str, new: str) -> Job[None]:
        """Give a registry another name; its login goes with it."""
        self.named(old)
        self._require_free(new, besides=old)
        if self._settings.remotes[old].get("login") == _IN_KEYRING:
            yield from credentials.move(old, new)
        if old in self._session:
            self._session[new] = self._session.pop(old)
        self._settings.remotes[new] = self._settings.remotes.pop(old)
        self._settings.save()

    def forget(self, name: str, leave_login: bool = False) -> Job[None]:
        """Forget a registry and its login. Where the keyring does not let go of the login, nothing is forgotten.

        With `leave_login` the keyring is not asked: for one that is not there any more.
        """
        self.named(name)
        if self._settings.remotes[name].get("login") == _IN_KEYRING and not leave_login:
            yield from credentials.forget(name)
        self._session.pop(name, None)
        del self._settings.remotes[name]
        self._settings.save()

    def login(self, name: str, secret: Secret) -> Job[None]:
        """Keep a login in the keyring. `NoKeyring` where there is none: `keep` serves until the program ends."""
        self._require_wanted(name)
        yield from credentials.put(name, secret)
        self._session.pop(name, None)
        self._note(name, login=_IN_KEYRING, user=secret.user, account="", tested="")

    def keep(self, name: str, secret: Secret) -> None:
        """Keep a login in memory until the program ends."""
        self._require_wanted(name)
        self._session[name] = secret

    def take_over(self, name: str, login: logins.FoundLogin) -> Job[None]:
        """Copy a login that another program keeps into the keyring."""
        if not login.fits(self.named(name).address):
            raise Refused(f"{login.title}: is not meant for {visible(name)}")
        yield from self.login(name, logins.secret_of(login))

    def test(self, name: str) -> Job[Access]:
        """Ask a registry who we are there and what we may do, and remember when it was.

        Somebody waits for the answer, perhaps to learn of a mistake in the address, so it is not tried for long.
        """
        remote = yield from self.open(name, _TRIES_OF_A_TEST)
        with closing(remote):
            access = yield from remote.check()
        if name in self._settings.remotes:
            self._note(name, account=access.account, tested=f"{time.time():.0f}")
        return access

    def open(self, text: str, tries: int = _TRIES) -> Job[Remote]:
        """The registry that a name or an address stands for, with its login: of this session, else of the keyring.

        A request that gets no answer is tried so many times.
        """
        remote = self._meant(text)
        secret = yield from self._secret(remote)
        network = Network(ca_file=remote.ca_file, bytes_per_second=remote.throttle, attempts=tries)
        return open_remote(remote.address, secret, network, remote.options)

    def _meant(self, text: str) -> NamedRemote:
        if text in self._settings.remotes or "://" not in text:
            return self.named(text)
        address = addresses.parse(text)
        return next((remote for remote in self.all() if remote.address == address), NamedRemote("", address))

    def _secret(self, remote: NamedRemote) -> Job[Secret | None]:
        if not remote.name or not remote.wants:
            return None
        secret = self._known(remote.name)
        if secret is None and remote.signed_in == _IN_KEYRING:
            secret = yield from credentials.get(remote.name)
            if secret is None:
                raise NeedsSecret(f"{remote.name}: its login is not in the keyring any more", "Sign in again.")
        if secret is not None and not secret.user:
            return Secret(secret.reveal(), remote.user)
        return secret

    def _known(self, name: str) -> Secret | None:
        """The login of this session, or the one that the environment has handed over."""
        return self._session.get(name) or self._handed.get(handed.variable(name))

    def _require_free(self, name: str, besides: str = "") -> None:
        if not _NAME.fullmatch(name):
            raise Refused(
                f"{visible(name)}: cannot be the name of a remote",
                "Names have up to 40 letters, digits, dots, dashes and underscores, and begin with a letter or digit.",
            )
        for other in self._settings.remotes:
            # logins in the environment tell names apart by capitals, digits and underscores only
            if other != besides and handed.variable(other) == handed.variable(name):
                raise Conflict(f"{name}: there is a remote {visible(other)} already", "Choose another name.")

    def _require_wanted(self, name: str) -> None:
        remote = self.named(name)
        if not remote.wants:
            raise Refused(f"{name}: needs no login", f"It is a {remote.title.lower()}.")

    def _note(self, name: str, **values: str) -> None:
        """Remember something of a registry in the settings; what is empty is forgotten."""
        entry = self._settings.remotes[name] | values
        self._settings.remotes[name] = {key: value for key, value in entry.items() if value}
        self._settings.save()


def checked(address: Address, options: Mapping[str, str]) -> dict[str, str]:
    """Options that make sense for a registry, those that are empty left out. `Refused` for any other."""
    kind = kind_of(address)
    kept = {key: value.strip() for key, value in options.items() if value.strip()}
    for key, value in kept.items():
        if key not in kind.options and key not in _OF_EVERY_KIND:
            known = ", ".join(kind.options) or "none of its own"
            raise Refused(f"{kind.title}: has no {visible(key)}", f"Its options: {known}.")
        if not value.isprintable():
            raise Refused(f"{visible(value)}: cannot be the {visible(key)}")
    if endpoint := kept.get("endpoint"):
        kept["endpoint"] = _endpoint(endpoint)
    if throttle := kept.get("throttle"):
        limit = _number(throttle)
        if limit is None or limit < 1:
            raise Refused(f"{throttle}: is not a number of bytes per second", "Leave it empty for no limit.")
    if kept.get("verify", "whole") != "whole":
        raise Refused(f"verify: takes `whole` or nothing, not {visible(kept['verify'])}")
    if ca_file := kept.get("ca_file"):
        kept["ca_file"] = str(Path(ca_file).expanduser().absolute())
        Network(ca_file=Path(kept["ca_file"])).tls()
    return kept


def _endpoint(text: str) -> str:
    """The web address of a server, without anything after the host. Plain http is for this machine."""
    split = urlsplit(text)
    try:
        authority, host = split.netloc, split.hostname or ""
        _ = split.port
    except ValueError:
        host = ""
    if not host or split.scheme not in ("http", "https") or "@" in authority or split.query or split.fragment:
        raise Refused("the endpoint is not the address of a server", "Write https://host or https://host:port.")
    if split.scheme == "http" and not addresses.is_loopback(host):
        raise Refused(f"{visible(authority)}: plain http is accepted for this machine only", "Use https.")
    return f"{split.scheme}://{authority}{split.path.rstrip('/')}"


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
