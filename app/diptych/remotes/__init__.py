"""Other people's registries: one a file, each imported when it is first spoken to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from diptych.domain.address import Address
    from diptych.domain.secret import Secret
    from diptych.domain.shipping import Remote
    from diptych.remotes.network import Network


@dataclass(frozen=True, slots=True)
class RemoteKind:
    """A kind of registry: how it is called, and where its file is."""

    key: str
    """As in `Address.kind`."""
    title: str
    place: str
    """`module:class`; the class is called with address, secret, network and options."""
    secret: str = ""
    """What it wants from the keyring, for people; empty where it wants nothing."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings of its own, with their meaning."""


REMOTES: tuple[RemoteKind, ...] = (
    RemoteKind("hub", "Hugging Face Hub", "diptych.remotes.hub:Hub", "access token"),
    RemoteKind(
        "mlflow",
        "MLflow Model Registry",
        "diptych.remotes.mlflow:MLflow",
        "user name and password, or token",
        {"experiment": "the experiment that runs are filed under, the model's name where not named"},
    ),
    RemoteKind(
        "oci",
        "OCI registry",
        "diptych.remotes.oci:Oci",
        "user name and password, or token",
        {
            "realm": "the host that gives tokens, where it is not of the registry's own domain",
            "mount": "another repository of the registry, whose files need not be sent again",
        },
    ),
    RemoteKind(
        "s3",
        "S3-compatible storage",
        "diptych.remotes.s3:S3",
        "access key and secret key",
        {
            "endpoint": "the server's address, for anything but AWS",
            "region": "the region, us-east-1 where not named",
            "verify": "`whole` to read everything back when a delivery is verified",
        },
    ),
    RemoteKind("folder", "Folder or share", "diptych.remotes.folder:Folder"),
)


def kind_of(address: Address) -> RemoteKind:
    """The kind of registry behind an address."""
    return next(kind for kind in REMOTES if kind.key == address.kind)


def open_remote(
    address: Address, secret: Secret | None, network: Network, options: Mapping[str, str] | None = None
) -> Remote:
    """The remote at `address`. Nothing is sent before a job of it runs."""
    module, _, name = kind_of(address).place.partition(":")
    return cast("Remote", getattr(import_module(module), name)(address, secret, network, dict(options or {})))
