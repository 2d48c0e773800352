"""How versions descend from one another: `lineage`."""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.session import Session
from diptych.cli.verb import Add
from diptych.domain.lineage import Edge, Origin, Pedigree, Verdict
from diptych.domain.version import Relation, Version
from diptych.errors import NotFound, Refused

if TYPE_CHECKING:
    from diptych.workbench import Workbench


_ONWARD = "↓ "
"""Before a later checkpoint, which stands below the one that it was resumed from."""


def register(add: Add) -> None:
    """Add the verb."""
    asking = add("lineage", "how versions descend from one another, as declared and as their weights tell", _lineage)
    asking.add_argument("ref", nargs="?", metavar="REF", help="only the kin of this version")
    asking.add_argument("--infer", action="store_true", help="look for descent in the fingerprints first")
    judging = asking.add_mutually_exclusive_group()
    judging.add_argument("--confirm", metavar="PARENT", help="say that it was made from PARENT, as was inferred")
    judging.add_argument("--reject", metavar="PARENT", help="say that it was not; that is told no more")
    judging.add_argument("--open", metavar="PARENT", help="take back what was said of the two")


def _lineage(session: Session, options: Namespace) -> int:
    workbench, terminal = session.workbench, session.terminal
    if options.infer:
        report = terminal.run(workbench.infer_lineage())
        if not terminal.json:
            terminal.tell(str(report))
    version = workbench.resolve(options.ref) if options.ref else None
    for verdict, parent in (
        (Verdict.CONFIRMED, options.confirm),
        (Verdict.REJECTED, options.reject),
        (Verdict.NONE, options.open),
    ):
        if parent is not None:
            _judge(workbench, version, workbench.resolve(parent), verdict)
    found = workbench.pedigree(version)
    if terminal.json:
        terminal.say_json(
            {
                "nodes": [
                    {"id": one.id, "name": one.name, "kind": one.kind.value, "step": one.step, "dtype": one.dtype}
                    for one in found.versions
                ],
                "edges": [
                    {
                        "child": edge.child,
                        "parents": list(edge.parents),
                        "relation": edge.relation.value,
                        "origin": edge.origin.value,
                        "confidence": edge.confidence,
                        "verdict": edge.verdict.value,
                        "evidence": list(edge.evidence),
                        "coefficients": list(edge.coefficients),
                        "errors": list(edge.errors),
                    }
                    for edge in found.edges
                ],
            }
        )
        return 0
    if not any(edge.verdict is not Verdict.REJECTED for edge in found.edges):
        terminal.say("no descent is known")
        if not options.infer:
            terminal.tell("Look for it in the weights: diptych fingerprint, then diptych lineage --infer")
        return 0
    terminal.say_all(tree(found))
    return 0


def _judge(workbench: Workbench, child: Version | None, parent: Version, verdict: Verdict) -> None:
    """Say something of each inferred edge from one version to another."""
    if child is None:
        raise Refused("--confirm, --reject and --open are about one version", "Name it: diptych lineage REF …")
    edges = [
        edge
        for edge in workbench.pedigree(child).edges
        if edge.origin is Origin.INFERRED and edge.child == child.id and parent.id in edge.parents
    ]
    if not edges:
        names = f"{display.visible(child.name)} was made from {display.visible(parent.name)}"
        raise NotFound(f"nothing was inferred that says {names}", "See what was: diptych lineage")
    for edge in edges:
        workbench.judge(edge, verdict)


def tree(found: Pedigree) -> Iterator[str]:
    """The pedigree as an indented tree: each version under its first parent, further parents and reasons beside it.

    A run goes on below its earlier checkpoint and not farther to the right, however long it is. What the user rejected
    is left out; a declared edge goes before an inferred one, a surer before a weaker.
    """
    versions = {one.id: one for one in found.versions}
    edges: dict[str, Edge] = {}
    for edge in sorted(found.edges, key=lambda one: (one.origin is not Origin.DECLARED, -one.confidence)):
        if edge.verdict is not Verdict.REJECTED:
            edges.setdefault(edge.child, edge)
    below: dict[str, list[str]] = defaultdict(list)
    for edge in edges.values():
        below[edge.parents[0]].append(edge.child)
    told: set[str] = set()
    # versions that declare one another in a circle have no root: those are told last
    roots = [one for one in versions.values() if one.id in below and one.id not in edges]
    for root in (*sorted(roots, key=_order), *sorted(versions.values(), key=_order)):
        waiting = [(root.id, "", "")] if root.id in below or root.id in edges else []
        while waiting:
            version_id, before, mark = waiting.pop()
            if version_id in told:
                continue
            told.add(version_id)
            yield before + mark + display.visible(versions[version_id].name) + _words(edges.get(version_id), versions)
            children = sorted(below[version_id], key=lambda one: _order(versions[one]))
            onward = [one for one in children if edges[one].relation is Relation.RESUMED][:1]
            branches = [one for one in children if one not in onward]
            deeper = before + {"": "", _ONWARD: "", "├─ ": "│  ", "└─ ": "   "}[mark]
            signs = dict.fromkeys(branches, "├─ ") | dict.fromkeys([] if onward else branches[-1:], "└─ ")
            following = [(one, deeper, signs[one]) for one in branches] + [(one, deeper, _ONWARD) for one in onward]
            waiting += reversed(following)


def _order(version: Version) -> tuple[str, int, str]:
    return version.model, version.step or 0, version.name


def _words(edge: Edge | None, versions: dict[str, Version]) -> str:
    """What joins a version to its parent."""
    if edge is None:
        return ""
    said = edge.origin.value if edge.origin is Origin.DECLARED else f"{edge.confidence:.0%}"
    if edge.verdict is Verdict.CONFIRMED:
        said += ", confirmed"
    others = display.listing(display.visible(versions[one].name) for one in edge.parents[1:] if one in versions)
    shares = " : ".join(display.number(share, 2) for share in edge.coefficients)
    more = "".join((f" with {others}" if others else "", f", {shares}" if shares else ""))
    return f"  ({edge.relation} it{more}; {said}: {'; '.join(edge.evidence)})"
