"""Receipts and wishes as plain JSON, to be kept, written to files and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from diptych.domain import address
from diptych.domain.evidence import Plain
from diptych.domain.shipping import Delivered, Receipt, Wishes
from diptych.errors import Damaged

_DAMAGED = "not a receipt of Diptych"


def receipt_as_plain(receipt: Receipt) -> dict[str, Plain]:
    """All of a receipt. Holds no secret: addresses have none, and ids are the remote's public names."""
    return {
        "address": str(receipt.address),
        "target": receipt.target,
        "version": receipt.version_id,
        "reference": receipt.reference,
        "url": receipt.url,
        "ids": dict(receipt.ids),
        "files": [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in receipt.files],
        "sent": receipt.sent,
        "seconds": receipt.seconds,
        "finished": receipt.finished,
    }


def receipt_from_plain(plain: object, name: str = "receipt") -> Receipt:
    """The receipt again. Raises `Damaged`, naming the file `name`, where it is none."""
    if not isinstance(plain, Mapping):
        raise Damaged(f"{name}: {_DAMAGED}")
    try:
        return Receipt(
            address=address.parse(_text(plain["address"])),
            target=_text(plain["target"]),
            version_id=_text(plain["version"]),
            reference=_text(plain["reference"]),
            url=_text(plain["url"]),
            ids={_text(key): _text(value) for key, value in plain["ids"].items()},
            files=tuple(
                Delivered(_text(file["name"]), int(file["bytes"]), _text(file["sha256"])) for file in plain["files"]
            ),
            sent=int(plain["sent"]),
            seconds=float(plain["seconds"]),
            finished=float(plain["finished"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise Damaged(f"{name}: {_DAMAGED}") from None


def wishes_as_plain(wishes: Wishes) -> dict[str, Plain]:
    """What differs from the defaults."""
    usual = asdict(Wishes())
    return {key: value for key, value in asdict(wishes).items() if value != usual[key]}


def wishes_from_plain(plain: object) -> Wishes:
    """The wishes again; what is unknown, or of another kind than it should be, keeps its default."""
    usual = Wishes()
    if not isinstance(plain, Mapping):
        return usual
    kept = {
        one.name: plain[one.name]
        for one in fields(Wishes)
        if one.name in plain and type(plain[one.name]) is type(getattr(usual, one.name))
    }
    return Wishes(**kept)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
