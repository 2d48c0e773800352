"""How the double of the Hub answers."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stands.hub_http import Asked, Told
from stands.hub_state import Entry, Repository, State, is_large

_LFS = "application/vnd.git-lfs+json"


class _Stop(Exception):
    """An answer in the middle of something."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message or code} if code else {}
        self.told = Told(status, {"error": message or code}, headers)


class Routes:
    """Answers requests to the Hub and to its storage, told apart by the name of the host."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.signature = secrets.token_hex(8)
        """What a signed address ends in; storage takes no other."""

    def __call__(self, asked: Asked) -> Told:
        try:
            if asked.headers["host"].startswith("localhost"):
                return self._storage(asked)
            return self._hub(asked, asked.parts)
        except _Stop as stop:
            return stop.told

    def _hub(self, asked: Asked, parts: list[str]) -> Told:
        match (asked.method, *parts):
            case ("GET", "api", "whoami-v2"):
                return self._whoami(asked)
            case ("POST", "api", "validate-yaml"):
                return Told(200, {"valid": True, "errors": [], "warnings": []})
            case ("POST", "api", "repos", "create"):
                return self._create(asked)
            case ("POST", "api", "complete"):
                return self._complete(asked)
            case ("POST", "api", owner, name, "info", "lfs", "verify"):
                self._writer(asked, owner)
                return self._verify(self._repository(asked, owner, name.removesuffix(".git")), asked.json())
            case ("POST", owner, name, "info", "lfs", "objects", "batch") if name.endswith(".git"):
                self._writer(asked, owner)
                return self._batch(asked, f"{owner}/{name}", self._repository(asked, owner, name.removesuffix(".git")))
            case (_, "api", "models", owner, name, *rest):
                return self._model(asked, owner, name, rest)
            case ("GET" | "HEAD", owner, name, "resolve", revision, *path):
                return self._resolve(asked, self._repository(asked, owner, name), revision, "/".join(path))
        return Told(404, {"error": "Sorry, we can't find the page you are looking for."})

    def _model(self, asked: Asked, owner: str, name: str, rest: list[str]) -> Told:
        repository = self._repository(asked, owner, name)
        with self.state.lock:
            match (asked.method, *rest):
                case ("GET",):
                    return Told(200, self._about(f"{owner}/{name}", repository, "main"))
                case ("GET", "revision", revision):
                    return Told(200, self._about(f"{owner}/{name}", repository, revision))
                case ("GET", "tree", revision):
                    return self._tree(asked, repository, revision)
                case ("GET", "commits", revision):
                    return Told(200, list(self._commits(repository, _commit(repository, revision))))
                case ("GET", "refs"):
                    return Told(200, _references(repository, "include_prs" in asked.query))
                case ("POST", "preupload", revision):
                    self._writer(asked, owner)
                    return self._preupload(asked.json(), repository, _commit(repository, revision))
                case ("POST", "commit", revision):
                    self._writer(asked, owner)
                    return self._commit(asked, f"{owner}/{name}", repository, revision)
                case ("POST", "branch", branch):
                    self._writer(asked, owner)
                    return _put(repository.branches, branch, asked.json().get("startingPoint", "main"), repository)
                case ("POST", "tag", revision):
                    self._writer(asked, owner)
                    return _put(repository.tags, asked.json()["tag"], revision, repository)
        return Told(404, {"error": "Not found"})

    def _account(self, asked: Asked) -> tuple[str, str] | None:
        given = asked.headers.get("authorization")
        if given is None:
            return None
        account = self.state.accounts.get(given.removeprefix("Bearer "))
        if account is None:
            raise _Stop(401, "", "Invalid credentials in Authorization header")
        return account

    def _writer(self, asked: Asked, owner: str) -> None:
        account = self._account(asked)
        if account != (owner, "write"):
            asked.body()
            raise _Stop(403, "", "You don't have the required permissions to perform this action")

    def _repository(self, asked: Asked, owner: str, name: str) -> Repository:
        account = self._account(asked)
        repository = self.state.repositories.get(f"{owner}/{name}")
        if repository is None or (repository.private and (account is None or account[0] != owner)):
            asked.body()
            raise _Stop(401 if account is None else 404, "RepoNotFound", "Repository not found")
        return repository

    def _whoami(self, asked: Asked) -> Told:
        account = self._account(asked)
        if account is None:
            raise _Stop(401, "", "Invalid username or password.")
        name, role = account
        token = {"displayName": "stand", "role": role}
        auth = {"type": "access_token", "accessToken": token}
        return Told(200, {"type": "user", "id": "1", "name": name, "fullname": name, "orgs": [], "auth": auth})

    def _create(self, asked: Asked) -> Told:
        wanted = asked.json()
        owner = wanted.get("organization") or (self._account(asked) or ("", ""))[0]
        self._writer(asked, owner)
        name = f"{owner}/{wanted['name']}"
        url = f"http://{asked.headers['host']}/{name}"
        with self.state.lock:
            if name in self.state.repositories:
                return Told(409, {"error": "You already created this model repo", "url": url})
            self.state.create(name, wanted.get("visibility") != "public")
        return Told(200, {"url": url, "repo_id": name})

    def _about(self, name: str, repository: Repository, revision: str) -> dict[str, Any]:
        commit = _commit(repository, revision)
        siblings = [_sibling(path, entry) for path, entry in sorted(repository.commits[commit].items())]
        return {
            "id": name,
            "modelId": name,
            "author": name.split("/")[0],
            "sha": commit,
            "private": repository.private,
            "gated": "auto" if repository.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
        }

    def _tree(self, asked: Asked, repository: Repository, revision: str) -> Told:
        files = sorted(repository.commits[_commit(repository, revision)].items())
        begin = int(asked.query.get("cursor", 0))
        shown = [_listed(path, entry) for path, entry in files[begin : begin + self.state.page]]
        headers = {}
        if begin + self.state.page < len(files):
            url = f"http://{asked.headers['host']}{asked.path}?recursive=true&cursor={begin + self.state.page}"
            headers["Link"] = f'<{url}>; rel="next"'
        return Told(200, shown, headers)

    def _commits(self, repository: Repository, commit: str) -> Iterator[dict[str, Any]]:
        while commit:
            title = repository.titles[commit]
            yield {
                "id": commit,
                "title": title,
                "message": title,
                "date": "2026-01-01T00:00:00.000Z",
                "authors": [{"user": "ann"}],
            }
            commit = repository.history[commit]

    def _preupload(self, wanted: Any, repository: Repository, commit: str) -> Told:
        files = repository.commits[commit]
        told = [
            {
                "path": file["path"],
                "uploadMode": "lfs"
                if is_large(file["path"], file["size"], base64.b64decode(file["sample"]))
                else "regular",
                "shouldIgnore": self.state.ignores(repository, files, file["path"]),
                **_known(files.get(file["path"])),
            }
            for file in wanted["files"]
        ]
        return Told(200, {"files": told})

    def _commit(self, asked: Asked, name: str, repository: Repository, revision: str) -> Told:
        lines = [json.loads(line) for line in asked.body().splitlines() if line.strip()]
        base = _commit(repository, revision)
        header = lines[0]["value"]
        parent = header.get("parentCommit")
        if parent is not None and parent != base:
            raise _Stop(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(repository.commits[base])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = self.state.regular(repository, base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                if not repository.holds(value["oid"]):
                    raise _Stop(400, "", f"Your push was rejected: {value['path']} is not in the large storage")
                files[value["path"]] = self.state.large(repository, value["oid"])
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
            else:
                raise _Stop(400, "", f"{line['key']} is not known here")
        number = len(repository.pulls) + 1
        opens = "create_pr" in asked.query
        place = f"refs/pr/{number}" if opens else revision
        commit = self.state.commit(repository, place, files, header["summary"], base)
        pages = f"http://{asked.headers['host']}/{name}"
        pull = f"{pages}/discussions/{number}" if opens else None
        told = {"commitUrl": f"{pages}/commit/{commit}", "commitOid": commit, "pullRequestUrl": pull}
        return Told(200, {"success": True, **told})

    def _batch(self, asked: Asked, name: str, repository: Repository) -> Told:
        wanted = asked.json()
        host = asked.headers["host"]
        storage = f"http://localhost:{host.rpartition(':')[2]}"
        told = []
        for entry in wanted["objects"]:
            oid, size = entry["oid"], entry["size"]
            answer = {"oid": oid, "size": size, "authenticated": True}
            if not repository.holds(oid):
                upload: dict[str, Any] = {
                    "href": f"{storage}/objects/{repository.folder.name}/{oid}?X-Signature={self.signature}"
                }
                if size > self.state.chunk:
                    number = f"upload-{self.state.number()}"
                    self.state.uploads[number] = repository.object(oid), size
                    header = {"chunk_size": str(self.state.chunk)}
                    for part in range(1, -(-size // self.state.chunk) + 1):
                        header[str(part)] = f"{storage}/parts/{number}/{part}?X-Signature={self.signature}"
                    upload = {"href": f"http://{host}/api/complete?upload={number}", "header": header}
                verify = {"href": f"http://{host}/api/{name}/info/lfs/verify"}
                answer["actions"] = {"upload": upload, "verify": verify}
            told.append(answer)
        multipart = any("header" in entry.get("actions", {}).get("upload", {}) for entry in told)
        content = {"transfer": "multipart" if multipart else "basic", "objects": told, "hash_algo": "sha256"}
        return Told(200, content, {"Content-Type": _LFS})

    def _verify(self, repository: Repository, wanted: Any) -> Told:
        path = repository.object(wanted["oid"])
        if not path.exists() or path.stat().st_size != wanted["size"]:
            raise _Stop(404, "", "Object not found")
        return Told(200, {"message": "Object verified successfully"})

    def _complete(self, asked: Asked) -> Told:
        wanted = asked.json()
        path, size = self.state.uploads.get(asked.query["upload"], (None, 0))
        if path is None or wanted["oid"] != path.name:
            raise _Stop(404, "", "NoSuchUpload")
        numbers = [part["partNumber"] for part in wanted["parts"]]
        if numbers != list(range(1, -(-size // self.state.chunk) + 1)) or not all(
            part["etag"] for part in wanted["parts"]
        ):
            raise _Stop(400, "", "InvalidPart")
        if not self.state.join(asked.query["upload"], path, path.name, numbers):
            raise _Stop(400, "", "The digest does not match")
        del self.state.uploads[asked.query["upload"]]
        return Told(200, {"success": True})

    def _resolve(self, asked: Asked, repository: Repository, revision: str, path: str) -> Told:
        if repository.gated:
            raise _Stop(403, "GatedRepo", "Access to this model is restricted")
        commit = _commit(repository, revision)
        entry = repository.commits[commit].get(path)
        if entry is None:
            raise _Stop(404, "EntryNotFound", "Entry not found")
        etag = entry.sha256 if entry.large else entry.oid
        headers = {
            "X-Repo-Commit": commit,
            "X-Linked-Etag": f'"{etag}"',
            "X-Linked-Size": str(entry.size),
            "ETag": f'"{etag}"',
            "Content-Type": "application/octet-stream",
        }
        if asked.method == "HEAD":
            return Told(200, b"", headers, length=entry.size)
        port = asked.headers["host"].rpartition(":")[2]
        headers["Location"] = (
            f"http://localhost:{port}/objects/{repository.folder.name}/{entry.sha256}?X-Signature={self.signature}"
        )
        return Told(302, b"", headers)

    def _storage(self, asked: Asked) -> Told:
        if "authorization" in asked.headers:
            self.state.leaks += 1
            raise _Stop(400, "", "Only one auth mechanism allowed")
        if asked.query.get("X-Signature") != self.signature:
            raise _Stop(403, "", "SignatureDoesNotMatch")
        match (asked.method, *asked.parts):
            case ("PUT", "objects", folder, oid):
                place = self.state.folder / folder / oid
                part = place.with_name(f"{oid}.{self.state.number()}")
                sha256, md5 = self.state.keep(part, asked.pieces)
                if self.state.keeps and sha256 != oid:
                    part.unlink()
                    raise _Stop(400, "", "BadDigest")
                part.replace(place)
                return Told(200, b"", {"ETag": f'"{md5}"'})
            case ("PUT", "parts", upload, number):
                if upload not in self.state.uploads:
                    asked.body()
                    raise _Stop(404, "", "NoSuchUpload")
                _, md5 = self.state.keep(self.state.part(upload, int(number)), asked.pieces)
                return Told(200, b"", {"ETag": f'"{md5}"'})
            case ("GET" | "HEAD", "objects", folder, oid) if (self.state.folder / folder / oid).exists():
                return _stored(asked, self.state.folder / folder / oid)
        return Told(404, {"error": "NoSuchKey"})


def _stored(asked: Asked, path: Path) -> Told:
    size = path.stat().st_size
    begin, end, status, headers = 0, size, 200, {"Content-Type": "application/octet-stream"}
    if wanted := asked.headers.get("range", "").removeprefix("bytes="):
        first, _, last = wanted.partition("-")
        begin, end, status = int(first), min(int(last or size), size - 1) + 1, 206
        if begin >= size:
            raise _Stop(416, "", "InvalidRange")
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(begin)
            left = end - begin
            while left and (piece := file.read(min(left, 1 << 20))):
                left -= len(piece)
                yield piece

    return Told(status, pieces(), headers, length=end - begin)


def _commit(repository: Repository, revision: str) -> str:
    commit = repository.resolve(revision)
    if commit is None:
        raise _Stop(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return commit


def _listed(path: str, entry: Entry) -> dict[str, Any]:
    listed: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.large:
        listed["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return listed


def _known(entry: Entry | None) -> dict[str, str]:
    """What preupload tells of a file that is there already."""
    return {} if entry is None else {"oid": entry.sha256 if entry.large else entry.oid}


def _sibling(path: str, entry: Entry) -> dict[str, Any]:
    listed = _listed(path, entry)
    if "lfs" in listed:
        listed["lfs"]["sha256"] = listed["lfs"].pop("oid")
    return {"rfilename": path, **{key: listed[key] for key in ("size", "lfs") if key in listed}}


def _references(repository: Repository, pulls: bool) -> dict[str, Any]:
    def shown(names: dict[str, str], prefix: str) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"{prefix}{name}", "targetCommit": names[name]} for name in names]

    told: dict[str, Any] = {
        "branches": shown(repository.branches, "refs/heads/"),
        "converts": [],
        "tags": shown(repository.tags, "refs/tags/"),
    }
    if pulls:
        told["pullRequests"] = shown(repository.pulls, "")
    return told


def _put(names: dict[str, str], name: str, revision: str, repository: Repository) -> Told:
    """Make a branch or tag."""
    if name in names:
        return Told(409, {"error": f"Reference {name} already exists"})
    names[name] = _commit(repository, revision)
    return Told(200, {"success": True, "message": f"{name} created"})
