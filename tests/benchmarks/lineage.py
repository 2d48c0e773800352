"""How often inferred lineage is right, by how sure it says to be: families of known descent, easy and hard.

    PYTHONPATH=app:tests python tests/benchmarks/lineage.py [--families N]

A family has fine-tunes near and far, a stranger, a run, a mixture, a cast, an adapter, a merged adapter and a copy; in
every second one all files have the same time, as after a download, and fine-tunes go so far that kinship fades. Prints
for each band of confidence how many edges were told, how many are true, and the mean of what they claimed; an edge
between the right versions in the wrong direction counts as wrong.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from breeding import Farm, Told, breed, moved, network
from diptych.domain.version import Relation
from diptych.job import finish
from diptych.workbench import Workbench
from making import MOMENT

BANDS = ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01))


def hard(folder: Path, seed: int) -> set[Told]:
    """A family whose members lie ever farther from their parents, or nearly as far from a sibling of the parent."""
    farm, stem = Farm(folder), f"h{seed}-"
    base = network(seed)
    farm.model(f"{stem}base", base)
    truth: set[Told] = set()
    for number, by in enumerate((0.02, 0.3, 0.7, 1.0, 1.4)):
        child = moved(base, by, seed + number)
        farm.model(f"{stem}far{number}", child)
        truth.add((f"{stem}far{number}", frozenset({f"{stem}base"}), Relation.FINE_TUNE))
        if number < 2:
            farm.model(f"{stem}second{number}", moved(child, by * 0.9, seed + 20 + number))
            truth.add((f"{stem}second{number}", frozenset({f"{stem}far{number}"}), Relation.FINE_TUNE))
    return truth


def timeless(folder: Path) -> None:
    """Give every file the same time."""
    for file in folder.rglob("*"):
        os.utime(file, (MOMENT, MOMENT))


def outcomes(families: int) -> list[tuple[float, bool]]:
    """The confidence of every inferred edge, and whether it is true."""
    found: list[tuple[float, bool]] = []
    for number in range(families):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place, "models")
            truth = (breed if number % 4 < 2 else hard)(folder, 1000 * number)
            if number % 2:
                timeless(folder)
            workbench = Workbench.open(Path(place, "catalog.db"))
            finish(workbench.scan([folder]))
            finish(workbench.fingerprint())
            edges = finish(workbench.infer_lineage()).edges
            names = {version.id: version.name.removeprefix("models/") for version in workbench.page(limit=None)}
            workbench.catalog.close()
        for edge in edges:
            told = names[edge.child], frozenset(names[one] for one in edge.parents), edge.relation
            found.append((edge.confidence, told in truth))
    return found


def table(found: Sequence[tuple[float, bool]]) -> str:
    """A line for each band."""
    lines = ["confidence     told   true  precision  mean claim"]
    for low, high in BANDS:
        band = [(sure, right) for sure, right in found if low <= sure < high]
        if band:
            true, claimed = sum(right for _, right in band), sum(sure for sure, _ in band) / len(band)
            shown = f"{low:.2f} to {min(high, 1):.2f}  {len(band):5} {true:6}"
            lines.append(f"{shown}     {true / len(band):6.2f}      {claimed:6.2f}")
    return "\n".join(lines)


def main() -> None:
    """Breed, infer, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=24)
    print(table(outcomes(parser.parse_args().families)))


if __name__ == "__main__":
    main()
