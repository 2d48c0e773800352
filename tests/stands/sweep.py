"""A push that is cut off at many places, one after the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import Offline
from diptych.job import finish
from stands import QUICK, Stand
from stands.proxy import Proxy, proxied
from stands.setting import Setting, contents

SMALL_CHANGE = 64 << 10
"""What requests without a file in them may weigh."""


@dataclass
class Sweep:
    """What became of the pushes that were cut."""

    points: int = 0
    finished: int = 0
    cheap: int = 0
    """Those for which no more than a chunk went again."""
    hidden: int = 0
    """Those of which nobody saw a part."""
    worst: int = 0
    """The most bytes that one cut has cost."""

    def __str__(self) -> str:
        return (
            f"{self.finished} of {self.points} cut pushes finished; {self.cheap} of {self.points} sent at most one "
            f"chunk again, the worst {self.worst:,} bytes; {self.points - self.hidden} of {self.points} showed a part"
        )


def sweep(stand: Stand, folder: Path, points: int = 50, whole: bool = False) -> Sweep:
    """Push once for each point, breaking the connection there; every other time the program is started anew.

    `whole`: with a web server in front that takes requests completely.
    """
    found = Sweep()
    total, usual = _uncut(stand, folder / "uncut", whole)
    for point in range(points):
        setting = Setting(stand, folder / str(point))
        seen: list[dict[str, str]] = []
        with proxied(stand.port) as proxy:
            proxy.whole = whole
            proxy.at_cut = lambda seen=seen, setting=setting: seen.append(setting.visible())
            _push(setting, proxy, total * (2 * point + 1) // (2 * points), restart=bool(point % 2))
            again = max(proxy.sent() - usual, 0)
            found.points += proxy.broken
        found.worst = max(found.worst, again)
        found.cheap += again <= stand.chunk + SMALL_CHANGE
        found.hidden += all(visible in ({}, setting.visible()) for visible in seen)
        finish(setting.remote().pull(stand.reference, folder / "pulled" / str(point)))
        got = contents(folder / "pulled" / str(point))
        found.finished += {name: got.get(name) for name in setting.files} == setting.files
        setting.close()
    return found


def _push(setting: Setting, proxy: Proxy, cut: int, restart: bool) -> None:
    remote = setting.through(proxy, dataclasses.replace(QUICK, attempts=1) if restart else QUICK)
    plan = setting.plan(remote=remote)
    proxy.cuts.append(proxy.came + cut)
    try:
        finish(remote.push(plan, setting.notes))
    except Offline:
        assert restart, "a cut was not recovered from"
        remote.close()
        finish(setting.through(proxy).push(plan, setting.notes))


def _uncut(stand: Stand, folder: Path, whole: bool) -> tuple[int, int]:
    """What comes from the client during a push: all bytes, and those of bodies alone."""
    setting = Setting(stand, folder)
    with proxied(stand.port) as proxy:
        proxy.whole = whole
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        before = proxy.came
        finish(remote.push(plan, setting.notes))
        setting.close()
        return proxy.came - before, proxy.sent()
