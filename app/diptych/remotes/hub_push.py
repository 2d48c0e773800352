"""A push to the Hub, step by step: repository, large files, one commit, tag."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.display import visible
from diptych.domain.shipping import Journal, Parcel, Phase, Plan, Ref, Voyage
from diptych.errors import Conflict, Damaged, NotFound
from diptych.job import Job, Tick, retold
from diptych.remotes import answers, hub_commit, hub_lfs
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.body import Body
from diptych.remotes.hub_api import Api, commit, mapping, part
from diptych.remotes.hub_plan import MAIN, base_of, head_of, target_of
from diptych.remotes.wire import Lost

_COMMITTING = "committing"


class Push:
    """One push; what it must know after a restart is in the journal."""

    def __init__(self, api: Api, plan: Plan, journal: Journal) -> None:
        self.sent = 0
        """Bytes of files that went out."""
        self.branch = plan.wishes.reference or MAIN
        self.pull_request = ""
        """The reference of the pull request that this push has opened."""
        self._api = api
        self._plan = plan
        self._parcels = plan.shipment.parcels
        self._journal = journal
        self._key = f"hub {api.host}/{api.repo} {self.branch} {plan.shipment.version.id}"
        self._done = 0
        self._replaced: list[str] = []

    def deliver(self) -> Job[str]:
        """Bring everything into a commit, and say which. Nothing is sent where one holds it all already."""
        yield self._tick("looking at the repository", Voyage(Phase.UPLOAD, "", 0, len(self._parcels)))
        if not self._plan.notes["parent"]:
            yield from self._quietly(self._create(), Phase.UPLOAD)
        refs = yield from self._quietly(self._api.refs(), Phase.UPLOAD)
        if self._plan.wishes.pull_request:
            self.pull_request = yield from self._quietly(self._own(refs), Phase.UPLOAD)
        head = head_of(refs, self.pull_request or self.branch)
        base = base_of(refs, self.pull_request or self.branch, self._plan.wishes.pull_request)
        rest = yield from self._quietly(self._rest(base), Phase.UPLOAD)
        if rest:
            self._guard(base, rest)
            known = self.branch if head_of(refs, self.branch) else MAIN
            large, _ = yield from self._quietly(hub_commit.modes(self._api, rest, known), Phase.UPLOAD)
            yield from self._send([parcel for parcel in rest if parcel.name in large], known)
        yield self._tick(_COMMITTING, Voyage(Phase.COMMIT, "", len(self._parcels), len(self._parcels)))
        if not head and not self.pull_request:
            yield from self._quietly(self._branch(base), Phase.COMMIT)
        if not rest:
            return base
        done: str = yield from self._quietly(self._commit(rest, large, base, refs), Phase.COMMIT)
        self._done = self._plan.to_send
        return done

    def tag(self, commit: str) -> Job[None]:
        """Put the tag on. Raises `Conflict` where another commit has it."""
        name = self._plan.wishes.tag
        answer = yield from self._api.post(
            f"/tag/{part(commit)}", {"tag": name}, "putting on the tag", accept=(200, 201, 409)
        )
        now = target_of((yield from self._api.refs()), name, "tag")
        if now != commit:
            raise Conflict(
                f"{self._api.repo}: tag {visible(name)} points to {now[:8] or 'nothing'}, not to {commit[:8]}",
                "Everything is there but the tag: choose another one." if answer.status == 409 else "Push again.",
            )

    def forget(self) -> None:
        """The push has come to its end."""
        self._journal.put(self._key, None)

    def _create(self) -> Job[None]:
        owner, _, name = self._api.repo.partition("/")
        visibility = "private" if self._plan.wishes.private else "public"
        body = {"name": name, "organization": owner, "visibility": visibility}
        what = "making the repository"
        answer = yield from self._api.ask("POST", "/api/repos/create", what, body=body, accept=(200, 201, 409))
        if answer.status == 409:
            try:
                yield from self._api.refs()
            except NotFound:
                raise answers.error(answer, self._api.host, what) from None

    def _branch(self, base: str) -> Job[None]:
        path = f"/branch/{part(self.branch)}"
        yield from self._api.post(path, {"startingPoint": base}, "making the branch", accept=(200, 201, 409))

    def _rest(self, revision: str) -> Job[list[Parcel]]:
        """What a revision does not hold as it lies here."""
        tree = yield from self._api.tree(revision)
        rest: list[Parcel] = []
        for parcel in self._parcels:
            same = yield from hub_commit.same(parcel, tree.get(parcel.name))
            rest += () if same else (parcel,)
        self._replaced = [parcel.name for parcel in rest if parcel.name in tree]
        return rest

    def _guard(self, base: str, rest: Sequence[Parcel]) -> None:
        """Raise `Conflict` where the plan has seen another state."""
        parent = self._plan.notes["parent"]
        if self.pull_request or base == parent or (not parent and not self._replaced):
            return
        raise Conflict(
            f"{self._api.repo}: branch {visible(self.branch)} was moved by somebody else meanwhile",
            "Look at the plan again.",
        )

    def _send(self, parcels: Sequence[Parcel], branch: str) -> Job[None]:
        """Bring large files to where nobody sees them yet."""
        distinct = list({parcel.sha256: parcel for parcel in parcels}.values())
        wanted = yield from self._quietly(hub_lfs.wanted(self._api, distinct, branch), Phase.UPLOAD)
        most = 0
        for at, parcel in enumerate(distinct):
            voyage = Voyage(Phase.UPLOAD, visible(parcel.name), at, len(distinct))
            upload = hub_lfs.Upload(self._api, parcel, branch, self._journal, wanted.get(parcel.sha256))
            if parcel.sha256 not in wanted:
                upload.forget()
                continue
            yield self._tick("sending", voyage)
            job = upload.run()
            try:
                for tick in job:
                    most = max(most, min(int(self._done + max(tick.done, upload.place)), self._plan.to_send))
                    yield Tick(tick.text, most, self._plan.to_send, "bytes", voyage)
            finally:
                job.close()
                self.sent += upload.sent
            self._done = min(self._done + parcel.bytes, self._plan.to_send)

    def _commit(self, rest: Sequence[Parcel], large: Collection[str], base: str, refs: Sequence[Ref]) -> Job[str]:
        """Commit, and say under which name; whether a commit went through whose answer was lost is looked up."""
        opens = self._plan.wishes.pull_request and not self.pull_request
        if opens:
            known = [ref.name for ref in refs if ref.kind == "pull request"]
            self._journal.put(self._key, json.dumps({"known": known}))
        path = f"/commit/{part(self.pull_request or self.branch)}{'?create_pr=1' if opens else ''}"
        message = self._plan.wishes.message or f"Add {self._plan.shipment.version.name}"
        tries = 0
        with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
            body = yield from hub_commit.write(Path(folder, "commit"), rest, large, message, base)
            while True:
                loss: Lost | None = None
                answer: Answer | None = None
                try:
                    answer = yield from self._ask(path, body)
                except Lost as error:
                    loss = error
                if answer is not None and answer.status in (200, 201):
                    self.sent += sum(parcel.bytes for parcel in rest if parcel.name not in large)
                    return self._committed(mapping(answer, self._api.host), opens)
                network = self._api.wire.network
                tries += 1
                yield from self._api.wire.wait(answers.pause(answer, tries, network.longest_wait), "Trying again")
                found = yield from self._arrived(opens)
                if found:
                    self.sent += sum(parcel.bytes for parcel in rest if parcel.name not in large)
                    return found
                if answer is not None and (answer.status not in PASSING or tries >= network.attempts):
                    raise answers.error(answer, self._api.host, _COMMITTING)
                if loss is not None and tries >= network.attempts:
                    raise loss

    def _ask(self, path: str, body: Body) -> Job[Answer]:
        return (
            yield from self._api.ask(
                "POST",
                self._api.models(path),
                _COMMITTING,
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
                accept=(200, 201, 409, 412, *PASSING),
                retry=False,
            )
        )

    def _committed(self, told: Mapping[str, Any], opens: bool) -> str:
        if opens:
            number = str(told.get("pullRequestUrl") or "").rpartition("/")[2]
            if not (number.isascii() and number.isdigit()):
                raise Damaged(f"{self._api.host}: opened a pull request without a number", "Look for it there.")
            self._opened(f"refs/pr/{number}")
        return commit(told.get("commitOid"), self._api.host)

    def _arrived(self, opens: bool) -> Job[str]:
        """The commit that holds everything, if there is one after all."""
        refs = yield from self._api.refs()
        if opens:
            self.pull_request = yield from self._own(refs)
            return head_of(refs, self.pull_request) if self.pull_request else ""
        head = head_of(refs, self.pull_request or self.branch)
        return head if head and not (yield from self._rest(head)) else ""

    def _own(self, refs: Sequence[Ref]) -> Job[str]:
        """The pull request that this push has opened, in this life or an earlier one; empty if none."""
        noted = json.loads(self._journal.get(self._key) or "{}")
        if noted.get("opened") and head_of(refs, noted["opened"]):
            return str(noted["opened"])
        known = noted.get("known")
        new = [ref for ref in refs if ref.kind == "pull request" and known is not None and ref.name not in known]
        for ref in new:
            if not (yield from self._rest(ref.target)):
                self._opened(ref.name)
                return ref.name
        return ""

    def _opened(self, pull_request: str) -> None:
        self.pull_request = pull_request
        self._journal.put(self._key, json.dumps({"opened": pull_request}))

    def _tick(self, text: str, voyage: Voyage) -> Tick:
        return Tick(text, self._done, self._plan.to_send, "bytes", voyage)

    def _quietly(self, job: Job[Any], phase: Phase) -> Job[Any]:
        """`job` as a moment of the push."""
        at = 0 if phase is Phase.UPLOAD else len(self._parcels)
        voyage = Voyage(phase, "", at, len(self._parcels))
        return retold(job, lambda tick: self._tick(tick.text, voyage))
