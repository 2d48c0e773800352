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

_WHOLE = "whole: verifying a delivery reads everything back"


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
    reference: str = "Tag"
    """What shows a version there, for people."""
    usual: str = ""
    """The one that is taken where a push names none; empty where that is no fixed name."""
    unnamed: str = "none"
    """What is taken then, for people."""


REMOTES: tuple[RemoteKind, ...] = (
    RemoteKind("hub", "Hugging Face Hub", "diptych.remotes.hub:Hub", "access token", reference="Branch", usual="main"),
    RemoteKind(
        "mlflow",
        "MLflow Model Registry",
        "diptych.remotes.mlflow:MLflow",
        "user name and password, or token",
        {"experiment": "the experiment of its runs; empty for the model's name", "verify": _WHOLE},
        reference="Alias",
    ),
    RemoteKind(
        "oci",
        "OCI registry",
        "diptych.remotes.oci:Oci",
        "user name and password, or token",
        {
            "realm": "the host that gives tokens, if it is of another domain",
            "mount": "another repository there, whose files are not sent again",
        },
        usual="latest",
    ),
    RemoteKind(
        "s3",
        "S3-compatible storage",
        "diptych.remotes.s3:S3",
        "access key and secret key",
        {
            "endpoint": "the server's address, for anything but AWS",
            "region": "the region; empty for us-east-1",
            "verify": _WHOLE,
        },
        usual="latest",
    ),
    RemoteKind(
        "folder",
        "Folder or share",
        "diptych.remotes.folder:Folder",
        reference="Folder",
        unnamed="named after the version",
    ),
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
