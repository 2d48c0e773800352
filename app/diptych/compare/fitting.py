"""Which base an adapter fits, and which adapter was merged into a base: from shapes, and from what has moved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from diptych.compare.kinship import ROUNDING, Kinship
from diptych.display import plural, visible
from diptych.domain.fingerprint import Fingerprint
from diptych.domain.lineage import Edge
from diptych.domain.version import Relation, Version

_LORA = re.compile(r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_(?P<side>[ABab])(?:\.\w+)?(?:\.weight)?$")
_SHAPES = 0.8
"""Shapes are a weak sign: other models of the size have them too."""
_MOVED = 0.9
_MOST = 3
"""An adapter that fits more bases than this tells nothing."""


def modules(adapter: Fingerprint) -> Mapping[str, tuple[int, int]]:
    """The modules that an adapter changes, with the shape (out, in) that each must have; empty for other weights."""
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, one in adapter.tensors.items():
        match = _LORA.match(name)
        if match and len(one.shape) == 2:
            sides.setdefault(match["module"], {})[match["side"].upper()] = one.shape
    return {module: (both["B"][0], both["A"][1]) for module, both in sides.items() if len(both) == 2}


def fits(wanted: Mapping[str, tuple[int, int]], base: Fingerprint) -> bool:
    """Whether a base has every module that an adapter changes, in its shape."""
    return bool(wanted) and all(
        (one := base.tensors.get(f"{module}.weight")) is not None and one.shape == shape
        for module, shape in wanted.items()
    )


def adapter_edges(
    adapter: Version, wanted: Mapping[str, tuple[int, int]], bases: Sequence[Version]
) -> tuple[Edge, ...]:
    """The edges of an adapter to the bases that it fits; none where too many do."""
    if not 0 < len(bases) <= _MOST:
        return ()
    others = f"{len(bases) - 1} more" if len(bases) > 1 else "no other version here"
    words = (
        f"the shapes of {plural(len(wanted), 'module')} fit; {others} {'fits' if len(bases) <= 2 else 'fit'} as well"
        if len(bases) > 1
        else f"the shapes of {plural(len(wanted), 'module')} fit, and those of {others} do",
    )
    return tuple(Edge(adapter.id, (base.id,), Relation.ADAPTER, _SHAPES / len(bases), words) for base in bases)


def merged(
    child: Version, base: Version, found: Kinship, adapters: Sequence[tuple[Version, Mapping[str, tuple[int, int]]]]
) -> Edge | None:
    """The merge of an adapter into its base: the matrices that have moved are the adapter's, and no others.

    What the child's type costs in rounding does not count as a move. None where several adapters fit: from their two
    factors alone nothing tells whose product it is.
    """
    floor = ROUNDING.get(child.dtype, (0.0, 1e-6))[1] if child.dtype != base.dtype else 1e-6
    moved = {name.removesuffix(".weight") for name, apart in found.apart if apart > floor}
    fitting = [(version, wanted) for version, wanted in adapters if moved and moved == set(wanted)]
    if not fitting:
        return None
    declaring = [one for one in fitting if _declares(one[0], base)] or fitting
    if len(declaring) > 1:
        return None
    adapter, wanted = declaring[0]
    words = (
        f"what differs from {visible(base.name)} are the {plural(len(wanted), 'matrix', 'matrices')} "
        f"that {visible(adapter.name)} changes, and no other of {found.matrices}",
    )
    return Edge(child.id, (base.id, adapter.id), Relation.MERGE, _MOVED, words)


def _declares(adapter: Version, base: Version) -> bool:
    return adapter.base is not None and adapter.base.parent == base.id
