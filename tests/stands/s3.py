"""Ceph's S3 gateway: one monitor, one store in memory and the gateway itself, all on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel
from stands import Place, await_ready, free_port

USER, PASSWORD, BUCKET = "AKIASTANDOFTESTS", "correct/horse+battery", "models"
READER, READERS_PASSWORD = "AKIAREADEROFTESTS", "only/looks+at+things"
_SETTINGS = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_allow_pool_size_one = true
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_data_avail_warn = 1
mon_data_avail_crit = 1
log_file = {folder}/$name.log
admin_socket =
keyring = {folder}/keyring
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
rgw_multipart_min_part_size = 65536
[client.rgw.a]
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_enable_apis = s3
"""
_KEYS = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
    "client.rgw.a": ("mon", "allow *", "osd", "allow *"),
}


class Ceph:
    """One gateway with its data in memory; `chunk` is the size of its parts in the tests."""

    kind = "s3"
    reference = "v1"
    chunk = 1 << 20
    keeps_content_once = True

    def __init__(self, folder: Path) -> None:
        for program in ("ceph-mon", "ceph-osd", "radosgw"):
            assert shutil.which(program), f"{program} is missing: packaging/prepare names what the tests need"
        self.folder = folder
        self.port = free_port()
        self._settings = folder / "ceph.conf"
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._begin(str(uuid.uuid4()), free_port())
            await_ready(self._listens, "the S3 gateway", 90)
            self._add(USER, PASSWORD)
            self._add(READER, READERS_PASSWORD)
        except BaseException:
            self.close()
            raise
        self.client = self.client_of(USER, PASSWORD)
        self.client.create_bucket(Bucket=BUCKET)

    def place(self, model: str, port: int = 0) -> Place:
        options = {"endpoint": f"http://127.0.0.1:{port or self.port}", "chunk": str(self.chunk)}
        return Place(parse(f"s3://{BUCKET}/tests/{model}"), Secret(PASSWORD, USER), options)

    def strangers(self, model: str) -> tuple[Place, ...]:
        place = self.place(model)
        logins = (None, Secret("wrong", USER), Secret(PASSWORD, "AKIANOBODY"))
        return tuple(Place(place.address, login, place.options) for login in logins)

    def reader(self, model: str) -> Place:
        """The same place with a login that may do nothing there."""
        place = self.place(model)
        return Place(place.address, Secret(READERS_PASSWORD, READER), place.options)

    def visible(self, model: str) -> Mapping[str, str]:
        prefix = f"tests/{model}/"
        keys = set(self.keys(prefix))
        seen = {}
        for key in keys:
            if key.startswith(f"{prefix}tags/"):
                seen[key.removeprefix(f"{prefix}tags/")] = self.get(key).decode()
            elif key.endswith("/manifest.json"):
                files = json.loads(self.get(key))["files"]
                lacking = [file for file in files if f"{prefix}blobs/sha256/{file['sha256']}" not in keys]
                if lacking:  # a whole version is no news before a tag shows it, a part of one is
                    seen[key] = f"lacks {lacking}"
        return seen

    def tamper(self, model: str, parcel: Parcel) -> None:
        key = f"tests/{model}/blobs/sha256/{parcel.sha256}"
        known = self.client.head_object(Bucket=BUCKET, Key=key)
        content = bytearray(self.get(key))
        content[len(content) // 2] ^= 1
        self.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content), Metadata=known["Metadata"])

    def keys(self, prefix: str) -> list[str]:
        """The names of all objects that begin like this."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def get(self, key: str) -> bytes:
        """The content of one object."""
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def uploads(self) -> list[str]:
        """The names of objects that an upload in parts was begun for, and not ended."""
        return [each["Key"] for each in self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]

    def empty(self) -> None:
        """Forget all objects at once, where the gateway would keep their memory for hours."""
        for key in self.keys(""):
            self.client.delete_object(Bucket=BUCKET, Key=key)
        self._run("radosgw-admin", "gc", "process", "--include-all")

    def client_of(self, user: str, password: str) -> Any:
        """The vendor's own client."""
        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=user,
            aws_secret_access_key=password,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def close(self) -> None:
        for process in self._processes:
            process.kill()  # what it holds is in memory, so there is nothing to bring to an end
        for process in self._processes:
            process.wait(10)

    def _begin(self, fsid: str, mon: int) -> None:
        folder = self.folder
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir(parents=True)
        self._settings.write_text(_SETTINGS.format(fsid=fsid, mon=mon, folder=folder, port=self.port))
        self._run("ceph-authtool", "--create-keyring", folder / "keyring")
        for name, rights in _KEYS.items():
            pairs = zip(rights[::2], rights[1::2], strict=True)
            caps = [word for service, right in pairs for word in ("--cap", service, right)]
            self._run("ceph-authtool", folder / "keyring", "--gen-key", "-n", name, *caps)
        there = f"[v2:127.0.0.1:{mon}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", there, folder / "monmap")
        # the store is on the map from the start, so that nobody has to announce it
        self._run("osdmaptool", "--createsimple", "1", folder / "osdmap")
        maps = ("--monmap", folder / "monmap", "--osdmap", folder / "osdmap", "--keyring", folder / "keyring")
        self._run("ceph-mon", "--mkfs", "-i", "a", *maps)
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", str(uuid.uuid4()), "--no-mon-config")
        self._start("ceph-mon", "-i", "a")
        self._start("ceph-osd", "-i", "0")
        self._start("radosgw", "-n", "client.rgw.a")

    def _add(self, user: str, password: str) -> None:
        who = ("--uid", user.lower(), "--display-name", user, "--access-key", user, "--secret", password)
        made = self._run("radosgw-admin", "user", "create", *who)
        assert json.loads(made)["keys"]

    def _run(self, program: str, *arguments: str | Path) -> bytes:
        command = [program, "-c", self._settings, *arguments]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"
        return done.stdout

    def _start(self, program: str, *arguments: str) -> None:
        command = [program, "-c", self._settings, *arguments, "-f"]
        self._processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _listens(self) -> bool:
        assert all(process.poll() is None for process in self._processes), "a part of Ceph ended at once"
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True


def start(folder: Path) -> Ceph:
    """A gateway with one bucket, its owner, and somebody who may not use it."""
    return Ceph(folder)
