"""Whether two results were measured alike. What was not measured alike is shown, never judged."""

from __future__ import annotations

import re
from collections.abc import Mapping

from diptych import display

_OPTIONAL = {"limit", "gen_kwargs", "chat template hash", "system instruction hash"}
"""Conditions that a record leaves out where there are none: one side only is a mismatch."""

_SHOTS = {"shots", "n-shot", "num_fewshot"}
_DIGEST = re.compile(r"[0-9a-f]{16,}")


def mismatch(left: Mapping[str, str], right: Mapping[str, str]) -> str:
    """What differs between the conditions of two results, in words; empty where they may be compared.

    A condition that only one side states is no mismatch, since old records state few; those that a record leaves out
    where they are off (a limit, a chat template) are one as soon as both sides state anything.
    """
    found = []
    for name in sorted(left.keys() | right.keys(), key=lambda name: (name not in _SHOTS, name)):
        ours, theirs = left.get(name), right.get(name)
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            if not (name in _OPTIONAL and left and right):
                continue
            ours, theirs = ours or "none", theirs or "none"
        found.append(_told(name, ours, theirs))
    return display.listing(found)


def _told(name: str, left: str, right: str) -> str:
    if name in _SHOTS:
        return f"{display.visible(left)}-shot vs {display.visible(right)}-shot"
    return f"{display.visible(name.replace('_', ' '))} {_short(left)} vs {_short(right)}"


def _short(value: str) -> str:
    if _DIGEST.fullmatch(value):
        return value[:8]
    return display.elide(display.visible(value), 40)
