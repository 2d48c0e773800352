"""How two versions are related, as far as ids, steps and declared parents say."""

from __future__ import annotations

from pathlib import PurePosixPath

from diptych import display
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


def relation(left: Version, right: Version) -> str:
    """One line: `B is an adapter of A`, `B is 100 steps after A in base-pretrain`, or `no known relation`."""
    if identical(left, right):
        return "A and B hold the same content"
    if left.path is not None and left.path == right.path:
        return "A and B are the same folder"
    return _child(left, right) or _steps(left, right) or _siblings(left, right) or UNKNOWN


def _child(left: Version, right: Version) -> str:
    for parent, child, names in ((left, right, "BA"), (right, left, "AB")):
        if child.base and _is_parent(parent, child.base):
            return f"{names[0]} is {_CHILD[child.base.relation]} {names[1]}"
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
