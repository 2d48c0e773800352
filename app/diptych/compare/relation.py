"""How two versions are related, as far as ids, steps, declared parents and inferred ones say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from diptych import display
from diptych.domain.lineage import Edge, Verdict
from diptych.domain.version import Lineage, Relation, Version

_CHILD = {
    Relation.ADAPTER: "an adapter of",
    Relation.FINE_TUNE: "a fine-tune of",
    Relation.MERGE: "a merge that includes",
    Relation.QUANTIZED: "a quantised copy of",
    Relation.CONVERTED: "a conversion of",
    Relation.RESUMED: "a later checkpoint of",
    Relation.IDENTICAL: "a copy of the weights of",
}
UNKNOWN = "no known relation"


def identical(left: Version, right: Version) -> bool:
    """Whether both are known to hold the same bytes."""
    return left.hashed and left.id == right.id


def relation(left: Version, right: Version, inferred: Sequence[Edge] = ()) -> str:
    """One line: `B is an adapter of A`, `B is 100 steps after A in base-pretrain`, or `no known relation`.

    What records declare comes before what was `inferred` of either version.
    """
    if identical(left, right):
        return "A and B hold the same content"
    if left.path is not None and left.path == right.path:
        return "A and B are the same folder"
    known = _child(left, right) or _steps(left, right) or _inferred(left, right, inferred)
    return known or _siblings(left, right) or UNKNOWN


def _child(left: Version, right: Version) -> str:
    for parent, child, names in ((left, right, "BA"), (right, left, "AB")):
        if child.base and _is_parent(parent, child.base):
            return f"{names[0]} is {_CHILD[child.base.relation]} {names[1]}"
    return ""


def _inferred(left: Version, right: Version, edges: Sequence[Edge]) -> str:
    """What the weights tell of the two, unless the user has rejected it."""
    for edge in edges:
        for parent, child, names in ((left, right, "BA"), (right, left, "AB")):
            if edge.child == child.id and parent.id in edge.parents and edge.verdict is not Verdict.REJECTED:
                sure = "confirmed" if edge.verdict is Verdict.CONFIRMED else f"{edge.confidence:.0%}".replace("%", " %")
                return f"{names[0]} is {_CHILD[edge.relation]} {names[1]}, inferred from the weights ({sure})"
    return ""


def _is_parent(version: Version, declared: Lineage) -> bool:
    """Whether `version` is the declared parent: recognised by the catalog, or of that very name or path."""
    if declared.parent is not None:
        return declared.parent == version.id
    name = declared.name.strip().rstrip("/")
    if not name:
        return False
    if version.path is not None and name == str(version.path):
        return True
    wanted, own = PurePosixPath(name).parts, PurePosixPath(version.name.partition("@")[0]).parts
    return len(own) > 1 and wanted[-len(own) :] == own


def _steps(left: Version, right: Version) -> str:
    if not left.model or left.model != right.model:
        return ""
    model = display.visible(left.model)
    if left.step is None or right.step is None or left.step == right.step:
        return f"A and B belong to {model}"
    gap = right.step - left.step
    where = "after" if gap > 0 else "before"
    return f"B is {display.plural(abs(gap), 'step')} {where} A in {model}"


def _siblings(left: Version, right: Version) -> str:
    if not (left.base and right.base):
        return ""
    known = left.base.parent is not None and left.base.parent == right.base.parent
    if not known and (not left.base.name or left.base.name != right.base.name):
        return ""
    name = display.visible(display.path(right.base.name))
    if left.base.relation is right.base.relation:
        return f"A and B are each {_CHILD[left.base.relation]} {name}"
    return f"A and B both come from {name}"
