"""A model of its own at a stand, and something to push to it."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.shipping import Parcel, Plan, Receipt, Remote, Shipment, Wishes
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.network import Network
from stands import QUICK, Notes, Place, Stand, files_of_a_model, fresh, shipment
from stands.proxy import Proxy


class Setting:
    """A model of its own at a stand, and something to push to it."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self.stand = stand
        self.folder = folder
        self.model = fresh()
        self.wishes = Wishes(reference=stand.reference)
        self.notes = Notes()
        self.files = files_of_a_model()
        self.shipment = shipment(folder / "source", self.files, {"made/here.json": b'{"made": true}'})
        self.files = {**self.files, "made/here.json": b'{"made": true}'}
        self._open: list[Remote] = []

    def remote(self, place: Place | None = None, network: Network = QUICK) -> Remote:
        chosen = place or self.stand.place(self.model)
        remote = open_remote(chosen.address, chosen.secret, network, chosen.options)
        self._open.append(remote)
        return remote

    def through(self, proxy: Proxy, network: Network = QUICK) -> Remote:
        """The remote behind a proxy."""
        return self.remote(self.stand.place(self.model, proxy.port), network)

    def plan(self, shipment: Shipment | None = None, remote: Remote | None = None) -> Plan:
        return finish((remote or self.remote()).plan(shipment or self.shipment, self.wishes))

    def push(self, shipment: Shipment | None = None, place: Place | None = None) -> Receipt:
        remote = self.remote(place)
        return finish(remote.push(self.plan(shipment, remote), self.notes))

    def visible(self) -> dict[str, str]:
        return dict(self.stand.visible(self.model))

    def parcel(self, name: str) -> Parcel:
        return next(parcel for parcel in self.shipment.parcels if parcel.name == name)

    def close(self) -> None:
        for remote in self._open:
            remote.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
