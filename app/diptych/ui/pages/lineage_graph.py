"""A pedigree as nodes and arrows, runs folded, and as the rows of a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from diptych import display
from diptych.domain.lineage import Edge, Origin, Pedigree, Verdict
from diptych.domain.version import Version
from diptych.job import Job, Tick
from diptych.ui.context import Inspection
from diptych.ui.models.facts import Facts, Title
from diptych.ui.widgets.cells import Align, Cell
from diptych.ui.widgets.graphlayout import Arrow, Layout, Node, laying_out

RUN = "run "
"""Before the key of a node that stands for a whole run."""
_VERDICTS = {Verdict.NONE: "", Verdict.CONFIRMED: "confirmed", Verdict.REJECTED: "rejected"}


@dataclass(frozen=True)
class Drawing:
    """What the graph shows."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    layout: Layout


def drawing(found: Pedigree, opened: Collection[str]) -> Job[Drawing]:
    """The nodes and arrows of a pedigree. Checkpoints of one run are one node, unless the run is among `opened`."""
    yield Tick("Lay out the lineage")
    sizes = Counter(one.model for one in found.versions if one.step is not None)
    place: dict[str, str] = {}
    runs: dict[str, list[Version]] = defaultdict(list)
    nodes = []
    for one in found.versions:
        if one.step is not None and sizes[one.model] > 1 and one.model not in opened:
            place[one.id] = RUN + one.model
            runs[one.model].append(one)
        else:
            place[one.id] = one.id
            nodes.append(Node(one.id, display.visible(one.name), note(one)))
    for model, members in runs.items():
        steps = sorted(one.step or 0 for one in members)
        words = f"{len(members):,} checkpoints · steps {steps[0]:,} to {steps[-1]:,}"
        nodes.append(Node(RUN + model, display.visible(model), words, stacked=True))
    arrows: dict[tuple[str, str], Arrow] = {}
    for edge in sorted(found.edges, key=lambda one: one.origin is Origin.INFERRED):
        for number, parent in enumerate(edge.parents):
            source, target = place.get(parent, ""), place.get(edge.child, "")
            if source != target and (source, target) not in arrows:
                arrows[source, target] = Arrow(
                    f"{source} {target}", source, target, words_on(edge, number),
                    edge.origin is Origin.INFERRED and edge.verdict is not Verdict.CONFIRMED,
                    edge.verdict is Verdict.REJECTED,
                )  # fmt: skip
    work = laying_out(nodes, tuple(arrows.values()))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return Drawing(tuple(nodes), tuple(arrows.values()), stop.value)
        yield Tick("Lay out the lineage")


def note(version: Version) -> str:
    """The second line of a node."""
    step = f"step {version.step:,}" if version.step is not None else ""
    return " · ".join(part for part in (version.kind.value, step, version.dtype) if part)


def words_on(edge: Edge, number: int) -> str:
    """What stands on an arrow: share in a merge, what it is, and how sure."""
    share = f"{display.number(edge.coefficients[number], 2)} · " if edge.coefficients else ""
    what = str(edge.relation).rpartition(" ")[0]
    if edge.origin is Origin.DECLARED:
        return what
    if edge.verdict is not Verdict.NONE:
        return f"{share}{what} · {_VERDICTS[edge.verdict]}"
    return f"{share}{what} · {edge.confidence:.0%}"


def table(found: Pedigree, edges: Sequence[Edge] | None = None) -> Facts:
    """The edges as rows."""
    names = {one.id: display.visible(one.name) for one in found.versions}

    def parents(edge: Edge) -> str:
        said = [names.get(parent, parent[:8]) for parent in edge.parents]
        if edge.coefficients:
            said = [f"{display.number(share, 3)} {name}" for share, name in zip(edge.coefficients, said, strict=True)]
        return " + ".join(said)

    def cells(edge: Edge) -> tuple[Cell, ...]:
        declared = edge.origin is Origin.DECLARED
        return (
            Cell(names.get(edge.child, edge.child[:8])),
            Cell(str(edge.relation), color="muted"),
            Cell(parents(edge)),
            Cell("declared" if declared else f"{edge.confidence:.0%}", Align.RIGHT, "muted" if declared else "text"),
            Cell(_VERDICTS[edge.verdict]),
            Cell("; ".join(edge.evidence), color="muted"),
        )

    def inspect(edge: Edge) -> Inspection:
        rows = (("Relation", f"{edge.relation} {parents(edge)}"), ("Says who", edge.origin.value),
                ("Confidence", f"{edge.confidence:.0%}"), ("You say", _VERDICTS[edge.verdict]),
                *(("Evidence", words) for words in edge.evidence))  # fmt: skip
        return Inspection(names.get(edge.child, ""), tuple(row for row in rows if row[1]))

    titles = (
        Title("Version", 220), Title("Relation", 112), Title("Parents", 260), Title("Confidence", 88, Align.RIGHT),
        Title("You say", 80), Title("Evidence"),
    )  # fmt: skip
    return Facts(titles, found.edges if edges is None else edges, cells, inspect)
