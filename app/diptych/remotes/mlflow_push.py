"""A version on its way into MLflow: a run with what is known of it, a model with its files, both unseen as a version.

What was made is noted in the journal, so that a push that was broken off goes on with the files that have not arrived.
A server that knows no logged models (before MLflow 3) gets the files as artifacts of the run.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from diptych.domain.shipping import Journal, Phase, Plan, Voyage
from diptych.errors import Conflict, DiptychError, Refused
from diptych.job import Job, Tick, retold, together
from diptych.remotes import mlflow_evidence as evidence
from diptych.remotes.manifest import Manifest
from diptych.remotes.mlflow_artifacts import Artifacts
from diptych.remotes.mlflow_server import Server, rows, text
from diptych.remotes.mlflow_upload import PART, Upload
from diptych.remotes.names import safe_name

_FOLDER = "model"
"""Where the files are within a run, for servers without logged models."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an unfinished push has made at the server."""

    push: str = ""
    """A word of its own, by which it finds what it has made."""
    experiment: str = ""
    run: str = ""
    model: str = ""
    """Empty where the server knows no logged models."""
    uri: str = ""
    """The artifact root; empty until everything was made."""
    created: str = ""


class Making:
    """Brings files and evidence there, up to the moment before others see the version."""

    def __init__(
        self, server: Server, plan: Plan, manifest: Manifest, journal: Journal, experiment: str, part: int = PART
    ) -> None:
        self.made = Made()
        self.sent = 0
        """Bytes of files that went out."""
        self._server = server
        self._plan = plan
        self._manifest = manifest
        self._journal = journal
        self._experiment = experiment
        self._part = part
        self._key = f"mlflow {plan.address} {manifest.digest}"
        self._fresh = False
        self._told: dict[str, object] | None = None
        """What the server has told of the experiment."""

    @property
    def artifacts(self) -> Artifacts:
        """Where the files go, once `run` has been there."""
        return Artifacts(self._server, self.made.uri)

    @property
    def source(self) -> str:
        """What a model version is made from."""
        return f"models:/{self.made.model}" if self.made.model else f"runs:/{self.made.run}/{_FOLDER}"

    def ask(self) -> Job[None]:
        """Ask what a push must know of the server, which may be done beside other questions; it changes nothing."""
        yield from together(self._server.about(), self._look())

    def run(self) -> Job[None]:
        """Do it, after `ask`. Raises `Conflict` where a file is no longer what was hashed; what was made goes then."""
        yield from self._begin()
        try:
            # a server is slow in answering, not in taking files: what is small goes while the large is on its way
            yield from together(self._send(), retold(self._tell(), self._at_end))
        except Conflict:
            yield from self.abandon()
            raise
        yield from self._finish()

    def abandon(self) -> Job[None]:
        """Remove what an unfinished push has made, as far as the server lets us."""
        note = self._noted()
        steps: list[tuple[str, str, Mapping[str, object]]] = []
        if note.uri:
            artifacts = Artifacts(self._server, note.uri)
            for parcel in self._plan.shipment.parcels:
                yield from Upload(artifacts, parcel, self._journal).abandon()
            steps.append(("DELETE", f"mlflow-artifacts/artifacts/{artifacts.root}", {}))
        if note.model:
            steps.append(("DELETE", f"mlflow/logged-models/{note.model}", {"model_id": note.model}))
        if note.run:
            steps.append(("POST", "mlflow/runs/delete", {"run_id": note.run}))
        for method, path, content in steps:
            try:
                yield from self._server.send(method, path, "cleaning up", content)
            except DiptychError:
                continue  # it stays there unseen, which harms nobody
        self.forget()

    def forget(self) -> None:
        """There is nothing left to go on with."""
        self._journal.put(self._key, None)

    def _begin(self) -> Job[None]:
        self.made = self._noted()
        if self.made.uri and not (yield from self._alive()):
            self.made = Made()
        if not self.made.uri:
            yield from self._make()

    def _make(self) -> Job[None]:
        new = self._fresh = not self.made.push
        if new:
            self._note(Made(push=secrets.token_hex(8), created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")))
        # what the server is was told since 3.0, which brought models of their own
        modern = yield from self._server.about()
        experiment = yield from self._find_experiment()
        self._note(replace(self.made, experiment=experiment))
        run, uri = yield from self._make_run(new)
        self._note(replace(self.made, run=run))
        model = ""
        if modern is not None:
            model, uri = yield from self._make_model(new)
        self._note(replace(self.made, model=model, uri=uri if model else f"{uri.rstrip('/')}/{_FOLDER}"))

    def _look(self) -> Job[None]:
        query = {"experiment_name": self._experiment}
        self._told = yield from self._server.find("mlflow/experiments/get-by-name", "finding the experiment", query)

    def _found(self) -> str | None:
        if text(self._told, "experiment", "lifecycle_stage") == "deleted":
            raise Conflict(
                f"{self._server.wire.host}: its experiment {self._experiment} was deleted",
                "Restore it there, or name another one in the settings of the remote.",
            )
        return text(self._told, "experiment", "experiment_id") or None

    def _find_experiment(self) -> Job[str]:
        def known() -> Job[str | None]:
            yield from self._look()
            return self._found()

        found = self._found()
        if found is None:
            what, content = "making the experiment", {"name": self._experiment}
            made = yield from self._server.create("mlflow/experiments/create", what, content, known)
            found = made if isinstance(made, str) else text(made, "experiment_id")
        return self._plain(found)

    def _make_run(self, new: bool) -> Job[tuple[str, str]]:
        search = {"experiment_ids": [self.made.experiment], "filter": self._mine(), "max_results": 1}

        def known() -> Job[dict[str, object] | None]:
            told = yield from self._server.send("POST", "mlflow/runs/search", "looking for the run", search)
            found = rows(told, "runs")
            return {"run": found[0]} if found else None

        version = self._plan.shipment.version
        content = {
            "experiment_id": self.made.experiment,
            "run_name": version.name,
            "start_time": int(time.time() * 1000),
            "tags": [*self._push_tag(), {"key": "mlflow.source.name", "value": "diptych"}],
        }
        told = (None if new else (yield from known())) or (
            yield from self._server.create("mlflow/runs/create", "beginning a run", content, known)
        )
        return self._plain(text(told, "run", "info", "run_id")), text(told, "run", "info", "artifact_uri")

    def _make_model(self, new: bool) -> Job[tuple[str, str]]:
        search = {"experiment_ids": [self.made.experiment], "filter": self._mine(), "max_results": 1}

        def known() -> Job[dict[str, object] | None]:
            path = "mlflow/logged-models/search"
            told = yield from self._server.send("POST", path, "looking for the model", search)
            found = rows(told, "models")
            return {"model": found[0]} if found else None

        version = self._plan.shipment.version
        content = {
            "experiment_id": self.made.experiment,
            "name": self._plan.address.path.rpartition("/")[2],
            "source_run_id": self.made.run,
            "params": evidence.params(version)[:100],
            "tags": [*self._push_tag(), *evidence.version_tags(self._plan.shipment, self._manifest.digest)],
        }
        told = (None if new else (yield from known())) or (
            yield from self._server.create("mlflow/logged-models", "beginning a model", content, known)
        )
        return self._plain(text(told, "model", "info", "model_id")), text(told, "model", "info", "artifact_uri")

    def _alive(self) -> Job[bool]:
        """Whether what was made is still there and unfinished."""
        what = "taking up the push"
        if self.made.model:
            told = yield from self._server.find(f"mlflow/logged-models/{self.made.model}", what, {})
            return text(told, "model", "info", "artifact_uri") == self.made.uri
        told = yield from self._server.find("mlflow/runs/get", what, {"run_id": self.made.run})
        return text(told, "run", "info", "lifecycle_stage") == "active"

    def _send(self) -> Job[None]:
        """Send the files that have not arrived; the server shows no part of a file."""
        artifacts, parcels = self.artifacts, self._plan.shipment.parcels
        there = {} if self._fresh else (yield from artifacts.list("asking what has arrived"))
        missing = [parcel for parcel in parcels if there.get(parcel.name) != parcel.bytes]
        done = sum(parcel.bytes for parcel in parcels) - sum(parcel.bytes for parcel in missing)
        shown = done
        for number, parcel in enumerate(missing, len(parcels) - len(missing)):
            voyage = Voyage(Phase.UPLOAD, parcel.name, number, len(parcels))
            sending = Upload(artifacts, parcel, self._journal, self._part)
            for tick in sending.run():
                shown = max(shown, done + sending.moved)
                yield Tick(tick.text, shown, max(self._plan.to_send, shown), "bytes", voyage)
            self.sent += sending.sent
            done += parcel.bytes
        yield self._at_end(Tick("Sent"))

    def _at_end(self, tick: Tick) -> Tick:
        """A tick of what follows the last file."""
        count = len(self._plan.shipment.parcels)
        most = max(self._plan.to_send, self.sent)
        return Tick(tick.text, most, most, "bytes", Voyage(Phase.UPLOAD, "", count, count))

    def _tell(self) -> Job[None]:
        """Tell what is known of the version."""
        artifacts, server, run = self.artifacts, self._server, self.made.run
        version = self._plan.shipment.version
        file = evidence.model_file(version, run, self.made.model, self.made.created)
        yield from artifacts.put(evidence.MODEL_FILE, file, "describing the model")
        yield from artifacts.put(evidence.MANIFEST, self._manifest.dump(), "listing its files")
        for batch in evidence.batches(version, self.made.model):
            yield from server.send("POST", "mlflow/runs/log-batch", "telling metrics", {"run_id": run, **batch})
        inputs: dict[str, object] = {"run_id": run, "datasets": evidence.datasets(self._plan.shipment)}
        if inputs["datasets"]:
            yield from server.send("POST", "mlflow/runs/log-inputs", "telling data sets", inputs)

    def _finish(self) -> Job[None]:
        """Tell that the files are complete."""
        server, run = self._server, self.made.run
        if self.made.model:
            ready = {"model_id": self.made.model, "status": "LOGGED_MODEL_READY"}
            yield from server.send("PATCH", f"mlflow/logged-models/{self.made.model}", "finishing the model", ready)
        over = {"run_id": run, "status": "FINISHED", "end_time": int(time.time() * 1000)}
        yield from server.send("POST", "mlflow/runs/update", "finishing the run", over)

    def _push_tag(self) -> list[dict[str, str]]:
        return [{"key": evidence.PUSH_TAG, "value": self.made.push}]

    def _mine(self) -> str:
        return f"tags.`{evidence.PUSH_TAG}` = '{self.made.push}'"

    def _plain(self, name: str) -> str:
        """An id from the server, which becomes a part of addresses. Raises `Refused` for one that cannot."""
        if not name or "/" in name:
            raise Refused(f"{self._server.wire.host}: does not answer as MLflow does", "Check the address.")
        return safe_name(name)

    def _noted(self) -> Made:
        kept = self._journal.get(self._key)
        try:
            return Made(**json.loads(kept)) if kept else Made()
        except (ValueError, TypeError):
            return Made()

    def _note(self, made: Made) -> None:
        self.made = made
        self._journal.put(self._key, json.dumps(asdict(made)))
