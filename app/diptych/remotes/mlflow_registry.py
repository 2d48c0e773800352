"""The versions of one registered model: what they are called, what they hold, and how one more is added."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from diptych.display import listing, visible
from diptych.domain.shipping import Delivered, Ref
from diptych.errors import Conflict, Damaged, NotFound, Refused
from diptych.job import Job, together
from diptych.remotes.manifest import Manifest, read_manifest
from diptych.remotes.mlflow_artifacts import Artifacts
from diptych.remotes.mlflow_evidence import DIGEST_TAG, MANIFEST, MODEL_FILE
from diptych.remotes.mlflow_server import Server, rows, tags, text

_ALIAS = re.compile(r"[\w-]{1,255}")
_RESERVED = re.compile(r"[vV]\d+|latest|\d+")
_RUN = re.compile(r"runs:/([\w-]+)/(.+)")
_DIGEST = re.compile("[0-9a-f]{8,64}")
_PAGE = "1000"


@dataclass(frozen=True, slots=True)
class Shown:
    """One version as the registry shows it."""

    number: str
    manifest: str
    """The digest of its manifest, as its tag says; empty for a version that was not pushed from here."""
    created: float | None
    source: str = ""
    """What it was made from: a model, or a folder of a run."""
    aliases: tuple[str, ...] = ()


class Registered:
    """One registered model, which need not exist yet."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self._named = False
        """Whether there was a model of that name when it was last asked for."""

    def versions(self, manifest: str = "") -> Job[list[Shown]]:
        """All versions, or those with a manifest of that digest; the newest first."""
        what = "listing versions"
        words = f"name={_quoted(self.name)}" + (f" and tags.`{DIGEST_TAG}`='{manifest}'" if manifest else "")
        query = {"filter": words, "max_results": _PAGE}
        found: dict[str, Shown] = {}
        while True:
            told = yield from self.server.get("mlflow/model-versions/search", what, query)
            before = len(found)
            found.update((each.number, each) for each in map(_shown, rows(told, "model_versions")) if each.number)
            token = text(told, "next_page_token")
            if not token or len(found) == before:
                return sorted(found.values(), key=lambda each: -int(each.number))
            query["page_token"] = token

    def aliases(self) -> Job[dict[str, str]]:
        """The version that each alias shows."""
        told = yield from self.server.find("mlflow/registered-models/get", "asking for aliases", {"name": self.name})
        self._named = told is not None
        pairs = rows(told, "registered_model", "aliases")
        return {text(pair, "alias"): text(pair, "version") for pair in pairs if text(pair, "alias")}

    def standing(self, manifest: str, alias: str) -> Job[tuple[str, str]]:
        """The newest version with a manifest of that digest, and what an alias shows; empty where there is none."""
        if not alias:
            return (yield from self._newest(manifest)) or "", ""
        found, aliases = yield from together(self._newest(manifest), self.aliases())
        return found or "", aliases.get(alias, "")

    def number(self, ref: str) -> Job[str]:
        """The number of the version that `ref` names. Raises `NotFound` naming what there is."""
        named = ref.removeprefix(f"models:/{self.name}").lstrip("/@").removeprefix("sha256:")
        shown = yield from self.versions()
        aliases = yield from self.aliases()
        found = [each.number for each in shown if each.number == named]
        if not named:
            found = [each.number for each in shown[:1]]
        elif not found and named in aliases:
            found = [each.number for each in shown if each.number == aliases[named]]
        elif not found and _DIGEST.fullmatch(named):
            found = [each.number for each in shown if each.manifest.startswith(named)][:1]
        if not found:
            names = listing([*sorted(aliases), *(each.number for each in shown)], 5)
            raise NotFound(
                f"{visible(ref) or 'a version'}: not in {self.name} at {self.server.wire.host}",
                f"There are: {names}." if names else "Nothing was pushed there yet.",
            )
        return found[0]

    def refs(self) -> Job[tuple[Ref, ...]]:
        """Aliases and versions; the newest first."""
        shown = {each.number: each for each in (yield from self.versions())}
        aliases = yield from self.aliases()
        refs = [
            Ref(alias, "alias", self.reference(number), shown[number].created if number in shown else None)
            for alias, number in aliases.items()
        ]
        refs += [Ref(number, "version", self.reference(number), each.created) for number, each in shown.items()]
        return tuple(sorted(refs, key=lambda ref: (-(ref.created or 0), ref.kind, ref.name)))

    def reference(self, number: str) -> str:
        """How MLflow names a version."""
        return f"models:/{self.name}/{number}"

    def artifacts(self, number: str) -> Job[Artifacts]:
        """The files of a version."""
        query = {"name": self.name, "version": number}
        told = yield from self.server.get("mlflow/model-versions/get-download-uri", "asking for the files", query)
        uri = text(told, "artifact_uri")
        run = _RUN.fullmatch(uri)
        if run is not None:
            found = yield from self.server.get("mlflow/runs/get", "asking for the files", {"run_id": run[1]})
            uri = f"{text(found, 'run', 'info', 'artifact_uri').rstrip('/')}/{run[2]}"
        return Artifacts(self.server, uri)

    def contents(self, number: str) -> Job[tuple[Artifacts, tuple[Delivered, ...]]]:
        """The files of a version: as its manifest says, or as listed for a version that was not pushed from here."""
        artifacts = yield from self.artifacts(number)
        manifest = yield from self.manifest((yield from self.shown(number)), artifacts)
        if manifest is not None:
            return artifacts, manifest.files
        sizes = yield from artifacts.list("listing files")
        return artifacts, tuple(Delivered(name, count, "") for name, count in sorted(sizes.items()))

    def shown(self, number: str) -> Job[Shown]:
        """One version."""
        query = {"name": self.name, "version": number}
        told = yield from self.server.get("mlflow/model-versions/get", "asking for a version", query)
        return _shown(told.get("model_version"))

    def manifest(self, shown: Shown, artifacts: Artifacts) -> Job[Manifest | None]:
        """The list of files that was pushed with a version. Raises `Damaged` where it is not the one that was."""
        if not shown.manifest:
            return None
        where = f"version {shown.number} of {self.name}"
        content = yield from artifacts.small(MANIFEST, "reading the manifest")
        if hashlib.sha256(content).hexdigest() != shown.manifest:
            raise Damaged(f"{where}: its list of files was changed", "Push the version again.")
        return read_manifest(content, where)

    def expect(self, alias: str, numbers: Collection[str]) -> Job[str]:
        """What `alias` shows. Raises `Conflict` where it is none of `numbers`."""
        now = (yield from self.aliases()).get(alias, "")
        self.require(alias, now, numbers)
        return now

    def require(self, alias: str, now: str, numbers: Collection[str]) -> None:
        """Raises `Conflict` where an alias, which shows `now`, should show one of `numbers`."""
        if now not in numbers:
            raise Conflict(
                f"{alias} of {self.name} at {self.server.wire.host}: shows another version than it did when the push "
                "was planned",
                "Look at the plan again.",
            )

    def register(self, source: str, run: str, model: str, told: list[dict[str, str]], about: str) -> Job[str]:
        """Add a version, and the model where it is new; the number of the version. From here on others see it."""
        digest = next(tag["value"] for tag in told if tag["key"] == DIGEST_TAG)
        if not self._named:
            yield from self.server.create(
                "mlflow/registered-models/create", "naming the model", {"name": self.name}, self._exists
            )
        content = {"name": self.name, "source": source, "run_id": run, "tags": told, "description": about}
        if model:
            content["model_id"] = model
        made = yield from self.server.create(
            "mlflow/model-versions/create", "adding the version", content, lambda: self._newest(digest)
        )
        number = made if isinstance(made, str) else text(made, "model_version", "version")
        if not number.isdecimal():
            raise Refused(f"{self.server.wire.host}: gave the version no number")
        return number

    def move(self, alias: str, number: str) -> Job[None]:
        """Let `alias` show a version."""
        content = {"name": self.name, "alias": alias, "version": number}
        yield from self.server.send("POST", "mlflow/registered-models/alias", "moving the alias", content)

    def _exists(self) -> Job[bool | None]:
        query = {"name": self.name}
        told = yield from self.server.find("mlflow/registered-models/get", "naming the model", query)
        return told is not None or None

    def _newest(self, manifest: str) -> Job[str | None]:
        shown = yield from self.versions(manifest)
        return shown[0].number if shown else None


def alias_of(reference: str) -> str:
    """The alias to move; empty for none. Raises `Refused` for a name that MLflow does not take."""
    alias = reference.removeprefix("@")
    if alias and (not _ALIAS.fullmatch(alias) or _RESERVED.fullmatch(alias)):
        raise Refused(
            f"{visible(alias)}: not a name for an alias",
            "Use letters, digits, dashes and underscores; v1 and latest are MLflow's own.",
        )
    return alias


def extra(sizes: Mapping[str, int], files: tuple[Delivered, ...]) -> Iterator[str]:
    """Files that lie beside those that were delivered."""
    known = {MANIFEST, MODEL_FILE, *(file.name for file in files)}
    return (name for name in sizes if name not in known)


def _shown(row: object) -> Shown:
    number, created = text(row, "version"), text(row, "creation_timestamp")
    return Shown(
        number if number.isdecimal() and len(number) < 19 else "",
        tags(row, "tags").get(DIGEST_TAG, ""),
        int(created) / 1000 if created.isdecimal() and len(created) < 19 else None,
        text(row, "source"),
        tuple(each for each in rows(row, "aliases") if isinstance(each, str)),
    )


def _quoted(name: str) -> str:
    """A name within a filter. Raises `Refused` where a filter could not say it."""
    if "'" in name and '"' in name:
        raise Refused(f"{visible(name)}: cannot be asked for by name", "Rename the model at the server.")
    return f'"{name}"' if "'" in name else f"'{name}'"
