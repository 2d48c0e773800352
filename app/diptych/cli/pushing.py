"""Bringing versions elsewhere and back: `push`, `pull`, `verify`, `receipts`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.secrets import add_secret, asked_for
from diptych.cli.session import Session
from diptych.cli.table import Heading, aligned
from diptych.cli.verb import Add
from diptych.errors import Conflict, Damaged, NotFound, Refused

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept
    from diptych.domain.evidence import Plain
    from diptych.domain.shipping import Plan, Receipt
    from diptych.workbench.pushing import Targeted

_DRIFTED = 1
_LARGEST_RECEIPT = 64 << 20


def register(add: Add) -> None:
    """Add the verbs."""
    push = add("push", "bring a version to a remote, or show what that would do", _push)
    push.add_argument("ref", metavar="REF")
    push.add_argument("remotes", nargs="+", metavar="NAME", help="remotes as `remote list` shows them, or addresses")
    push.add_argument("--dry-run", action="store_true", help="only show what would happen")
    push.add_argument("--yes", action="store_true", help="go on despite warnings and files that are replaced")
    push.add_argument("--to", default="", metavar="NAME", help="branch, tag or alias that shall show the version")
    push.add_argument("--tag", default="", metavar="TAG", help="Hugging Face Hub: a tag put on last")
    push.add_argument("--pull-request", action="store_true", help="Hugging Face Hub: open a pull request")
    push.add_argument("--public", action="store_true", help="make a new repository public")
    push.add_argument("--layout", choices=("raw", "tar", "kit"), default="", help="OCI: how files become layers")
    push.add_argument("--message", default="", metavar="TEXT", help="what is said of the change there")
    push.add_argument("--include", action="append", default=[], metavar="FILE", help="a file that stays here usually")
    push.add_argument("--exclude", action="append", default=[], metavar="FILE", help="a file that goes usually")
    add_secret(push)
    pull = add("pull", "fetch a version from a remote into a new folder", _pull)
    pull.add_argument("remote", metavar="NAME", help="a remote as `remote list` shows it, or an address")
    pull.add_argument("ref", metavar="REF", help="a branch, tag, alias or version there; ? lists them")
    pull.add_argument("folder", nargs="?", type=Path, metavar="DEST")
    add_secret(pull)
    verify = add("verify", "look whether a delivery is still as it was; the exit code is 1 where it is not", _verify)
    verify.add_argument("receipt", metavar="RECEIPT", help="its id, or a file with the JSON of a push")
    add_secret(verify)
    receipts = add("receipts", "show what was delivered where", _receipts)
    receipts.add_argument("ref", nargs="?", metavar="REF", help="only of this version")


def _push(session: Session, options: Namespace) -> int:
    from diptych.domain.shipping import Wishes
    from diptych.workbench.shipping import Choice

    version = session.workbench.resolve(options.ref)
    _sign_in(session, options, options.remotes)
    wishes = Wishes(
        reference=options.to,
        message=options.message,
        pull_request=options.pull_request,
        tag=options.tag,
        layout=options.layout,
        private=not options.public,
    )
    choice = Choice(frozenset(options.include), frozenset(options.exclude))
    targets = [(name, wishes) for name in dict.fromkeys(options.remotes)]
    planned = session.terminal.run(session.workbench.plan_push(version, targets, choice))
    if options.dry_run:
        if session.terminal.json:
            session.terminal.say_json([_plan_as_plain(one) for one in planned])
        else:
            for one in planned:
                session.terminal.say_all(_plan_lines(one.plan, session.terminal.width))
        return 0
    _require_harmless(planned, options.yes)
    receipts: list[Plain] = []
    try:
        for one in planned:
            kept = session.terminal.run(session.workbench.push(one))
            receipts.append(_receipt_as_plain(kept))
            if not session.terminal.json:
                session.terminal.say(display.visible(_told(kept)))
    finally:
        # what has arrived is told, also where a later target fails
        if session.terminal.json and receipts:
            session.terminal.say_json(receipts)
    return 0


def _sign_in(session: Session, options: Namespace, remotes: Sequence[str]) -> None:
    """Take the login that was handed over, for the one remote it is for."""
    if options.token_fd is None:
        return
    if len(remotes) != 1:
        raise Refused("--token-fd holds one login, and several remotes were named", "Push to one remote at a time.")
    remote = session.workbench.remote(remotes[0])
    session.workbench.keep_login(remote.name, asked_for(options, remote.name, remote.wants, remote.user))


def _require_harmless(planned: tuple[Targeted, ...], yes: bool) -> None:
    """Nothing may be replaced and no warning passed over without somebody having said so.

    A push that would change nothing needs no word.
    """
    for one in planned:
        if one.plan.done:
            continue
        reasons = [caution.text for caution in one.plan.cautions]
        reasons += [f"{file.name} would be replaced" for file in one.plan.files if file.fate == "replace"]
        if reasons and not yes:
            raise Conflict(
                f"{one.remote}: {reasons[0]}{f' (and {len(reasons) - 1} more)' if len(reasons) > 1 else ''}",
                "Look at it with --dry-run, then push with --yes.",
            )


def _pull(session: Session, options: Namespace) -> int:
    _sign_in(session, options, [options.remote])
    if options.ref == "?" or options.folder is None:
        found = session.terminal.run(session.workbench.refs(options.remote))
        if session.terminal.json:
            session.terminal.say_json([{"name": ref.name, "kind": ref.kind, "target": ref.target} for ref in found])
            return 0
        headings = [Heading("name", elastic=True), Heading("kind"), Heading("points to", elastic=True)]
        rows = [(ref.name, ref.kind, ref.target) for ref in found]
        session.terminal.say_all(aligned(headings, rows, session.terminal.width))
        return 0
    files = session.terminal.run(session.workbench.pull(options.remote, options.ref, options.folder))
    if session.terminal.json:
        session.terminal.say_json(
            {"folder": str(options.folder), "files": [{"name": one.name, "bytes": one.bytes} for one in files]}
        )
        return 0
    total = display.size(sum(one.bytes for one in files))
    session.terminal.say(f"{display.plural(len(files), 'file')}, {total}, verified: {display.path(options.folder)}")
    return 0


def _verify(session: Session, options: Namespace) -> int:
    receipt, remote = _wanted(session, options.receipt)
    _sign_in(session, options, [remote])
    verified = session.terminal.run(session.workbench.verify(receipt, remote))
    if session.terminal.json:
        session.terminal.say_json(
            {
                "drifted": verified.drifted,
                "notes": list(verified.notes),
                "files": [
                    {"name": name, "standing": standing.value, "found": found}
                    for name, standing, found in verified.files
                ],
            }
        )
        return _DRIFTED if verified.drifted else 0
    for name, standing, found in verified.files:
        if standing != "same":
            session.terminal.say(display.visible(f"{name}: {standing.value}{f', {found}' if found else ''}"))
    session.terminal.say(display.visible(str(verified)))
    return _DRIFTED if verified.drifted else 0


def _wanted(session: Session, text: str) -> tuple[Receipt, str]:
    """The receipt with this id, or in this file, and the remote it came from where that is known."""
    from diptych.domain.receipts import receipt_from_plain
    from diptych.opening import open_regular

    try:
        kept = session.workbench.shipments.receipt(text)
    except NotFound:
        file = Path(text)
        if not file.exists():
            raise
        with open_regular(file, follow=True) as stream:
            content = stream.read(_LARGEST_RECEIPT)
        try:
            plain = json.loads(content)
        except (ValueError, RecursionError):
            raise Damaged(f"{display.path(file)}: not JSON") from None
        one = plain[0] if isinstance(plain, list) and plain else plain
        return receipt_from_plain(one, display.path(file)), ""
    return kept.receipt, kept.remote


def _receipts(session: Session, options: Namespace) -> int:
    version_id = session.workbench.resolve(options.ref).id if options.ref else ""
    kept = session.workbench.shipments.receipts(version_id)
    if session.terminal.json:
        session.terminal.say_json([_receipt_as_plain(one) for one in kept])
        return 0
    headings = [
        Heading("receipt"),
        Heading("version", elastic=True),
        Heading("remote"),
        Heading("where", elastic=True),
        Heading("when"),
    ]
    rows = [
        (one.id, one.version_name, one.remote, one.receipt.target, display.exact_time(one.receipt.finished))
        for one in kept
    ]
    session.terminal.say_all(aligned(headings, rows, session.terminal.width) if rows else ["nothing was delivered yet"])
    return 0


def _plan_lines(plan: Plan, width: int) -> Iterator[str]:
    """A plan for people: where, every file with its fate, what was left out, what to look at."""
    yield display.visible(f"{plan.target}{f' as {plan.account}' if plan.account else ''}")
    if plan.done:
        yield "is there already, nothing would change"
    rows = [(file.fate.value, file.name, display.size(file.bytes), file.reason) for file in plan.files]
    told = {file.name for file in plan.files}
    left_out = [one for one in plan.shipment.left_out if one.name not in told]
    rows += [("excluded", one.name, display.size(one.bytes), one.reason) for one in left_out]
    headings = [Heading(""), Heading("file", elastic=True), Heading("size", right=True), Heading("", elastic=True)]
    yield from aligned(headings, rows, width)
    for caution in plan.cautions:
        yield display.visible(f"! {caution.text}")
    yield f"{display.size(plan.to_send)} of {display.size(plan.shipment.bytes)} to send"


def _plan_as_plain(one: Targeted) -> dict[str, Plain]:
    plan = one.plan
    files: list[Plain] = [
        {
            "name": file.name,
            "bytes": file.bytes,
            "fate": file.fate.value,
            "reason": file.reason,
            "to_send": file.to_send,
        }
        for file in plan.files
    ]
    files += [
        {"name": out.name, "bytes": out.bytes, "fate": "excluded", "reason": out.reason, "to_send": 0}
        for out in plan.shipment.left_out
        if out.name not in {file.name for file in plan.files}
    ]
    return {
        "remote": one.remote,
        "address": str(plan.address),
        "target": plan.target,
        "account": plan.account,
        "version": plan.shipment.version.id,
        "done": plan.done,
        "harmless": plan.harmless,
        "to_send": plan.to_send,
        "files": files,
        "cautions": [{"key": one.key, "text": one.text, "files": list(one.files)} for one in plan.cautions],
    }


def _receipt_as_plain(kept: Kept) -> dict[str, Plain]:
    from diptych.domain.receipts import receipt_as_plain

    return {"id": kept.id, "remote": kept.remote, "name": kept.version_name, **receipt_as_plain(kept.receipt)}


def _told(kept: Kept) -> str:
    receipt = kept.receipt
    where = f" · {receipt.url}" if receipt.url else ""
    return f"{kept.version_name} → {receipt.target}: {kept}{where}"
