"""What the catalog remembers of deliveries: pushes under way with their journals, receipts, model cards."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych import display
from diptych.catalog.connections import Connections
from diptych.catalog.texts import restored, stored
from diptych.domain import receipts
from diptych.domain.shipping import Plan, Receipt, Wishes
from diptych.errors import NotFound

if TYPE_CHECKING:
    from sqlite3 import Connection

_RECEIPTS = "SELECT id, remote, version_name, wishes, document FROM receipt "
_ID_DIGITS = 12
_LEAST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Underway:
    """A push that has begun and has no receipt yet."""

    key: int
    version_id: str
    version_name: str
    remote: str
    address: str
    wishes: Wishes
    started: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt in the catalog."""

    id: str
    remote: str
    """The name that the user gave to the remote."""
    version_name: str
    wishes: Wishes
    receipt: Receipt

    def __str__(self) -> str:
        sent = f"{display.size(self.receipt.sent)} sent" if self.receipt.sent else "nothing had to be sent"
        return f"{display.plural(len(self.receipt.files), 'file')} verified · {sent} · receipt {self.id}"


class PushJournal:
    """The journal of one push; each entry is on the disk when `put` returns."""

    def __init__(self, connections: Connections, push: int) -> None:
        self._connections = connections
        self._push = push

    def get(self, key: str) -> str | None:
        """What was noted under `key`."""
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT value FROM journal WHERE push = ? AND key = ?", (self._push, key)
            ).fetchone()
        return str(row[0]) if row else None

    def put(self, key: str, value: str | None) -> None:
        """Note `value`, or forget the key."""
        with self._connections.writing() as connection:
            if value is None:
                connection.execute("DELETE FROM journal WHERE push = ? AND key = ?", (self._push, key))
            else:
                connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", (self._push, key, value))


class Shipments:
    """Reads and writes of one open catalog; any thread may use it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def begin(self, plan: Plan, remote: str) -> int:
        """Note that a push begins, and return its key: that of the same push where one was broken off."""
        version = plan.shipment.version
        wishes = json.dumps(receipts.wishes_as_plain(plan.wishes), sort_keys=True)
        where = (version.id, remote, str(plan.address), wishes)
        with self._connections.writing() as connection:
            row = connection.execute(
                "SELECT key FROM push WHERE version_id = ? AND remote = ? AND address = ? AND wishes = ?", where
            ).fetchone()
            if row is None:
                row = connection.execute(
                    "INSERT INTO push (version_id, remote, address, wishes, version_name, started) "
                    "VALUES (?, ?, ?, ?, ?, ?) RETURNING key",
                    (*where, stored(version.name), time.time()),
                ).fetchone()
        return int(row[0])

    def journal(self, push: int) -> PushJournal:
        """The journal of a push under way."""
        return PushJournal(self._connections, push)

    def underway(self) -> tuple[Underway, ...]:
        """The pushes without a receipt, the newest first: running now, or broken off."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT key, version_id, version_name, remote, address, wishes, started FROM push ORDER BY key DESC"
            ).fetchall()
        return tuple(
            Underway(
                key, version, restored(name), remote, where, receipts.wishes_from_plain(json.loads(wishes)), started
            )
            for key, version, name, remote, where, wishes, started in rows
        )

    def give_up(self, push: int) -> None:
        """Forget a push under way, with its journal."""
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM push WHERE key = ?", (push,))

    def deliver(self, push: int, plan: Plan, remote: str, receipt: Receipt) -> Kept:
        """Keep the receipt of a push, in place of the push."""
        document = json.dumps(receipts.receipt_as_plain(receipt), sort_keys=True)
        kept = Kept(
            hashlib.sha256(document.encode()).hexdigest()[:_ID_DIGITS],
            remote,
            plan.shipment.version.name,
            plan.wishes,
            receipt,
        )
        row = (
            kept.id, receipt.version_id, stored(kept.version_name), stored(plan.shipment.version.model), remote,
            json.dumps(receipts.wishes_as_plain(plan.wishes), sort_keys=True), receipt.finished, document,
        )  # fmt: skip
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO receipt (id, version_id, version_name, model, remote, wishes, finished, "
                "document) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            connection.execute("DELETE FROM push WHERE key = ?", (push,))
        return kept

    def rename(self, remote: str, name: str, address: str) -> None:
        """What went to a remote at `address`, or is on its way there, is known under its new name."""
        with self._connections.writing() as connection:
            # the same push that was begun under the new name before is the one that can be gone on with
            connection.execute(
                "UPDATE OR IGNORE push SET remote = ? WHERE remote = ? AND address = ?", (name, remote, address)
            )
            connection.execute(
                "UPDATE receipt SET remote = ? WHERE remote = ? AND json_extract(document, '$.address') = ?",
                (name, remote, address),
            )

    def receipts(self, version_id: str = "", limit: int = 1000) -> tuple[Kept, ...]:
        """The receipts of one version, or all, the newest first."""
        with self._connections.reading() as connection:
            return _kept(connection, "WHERE ? IN ('', version_id) ORDER BY finished DESC LIMIT ?", (version_id, limit))

    def receipt(self, ref: str) -> Kept:
        """The receipt whose id begins with `ref`, of at least four digits. Raises `NotFound`."""
        with self._connections.reading() as connection:
            found = (
                _kept(connection, "WHERE substr(id, 1, length(?)) = ? ORDER BY finished DESC LIMIT 3", (ref, ref))
                if len(ref) >= _LEAST_DIGITS
                else ()
            )
        if len(found) != 1:
            raise NotFound(f"{ref}: {'several receipts begin so' if found else 'no such receipt'}")
        return found[0]

    def last_of(self, model: str) -> Kept | None:
        """The newest receipt of any version of a model: where its next push goes if the user does not say."""
        with self._connections.reading() as connection:
            return next(
                iter(_kept(connection, "WHERE model = ? ORDER BY finished DESC LIMIT 1", (stored(model),))), None
            )

    def card(self, version_id: str) -> str | None:
        """The model card kept for a version."""
        with self._connections.reading() as connection:
            row = connection.execute("SELECT text FROM card WHERE version_id = ?", (version_id,)).fetchone()
        return restored(row[0]) if row else None

    def keep_card(self, version_id: str, text: str | None) -> None:
        """Keep a model card in place of the one before, or forget it."""
        with self._connections.writing() as connection:
            if text is None:
                connection.execute("DELETE FROM card WHERE version_id = ?", (version_id,))
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO card (version_id, text, moment) VALUES (?, ?, ?)",
                    (version_id, stored(text), time.time()),
                )


def _kept(connection: Connection, where: str, values: tuple[object, ...]) -> tuple[Kept, ...]:
    rows = connection.execute(_RECEIPTS + where, values)
    return tuple(
        Kept(
            row[0],
            row[1],
            restored(row[2]),
            receipts.wishes_from_plain(json.loads(row[3])),
            receipts.receipt_from_plain(json.loads(row[4]), f"receipt {row[0]}"),
        )
        for row in rows
    )
