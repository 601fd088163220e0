"""A cluster of two members as a remote: instances that live on the member that isn't asked."""
import hashlib
import json
import os
import subprocess

import pytest

from conftest import Starter
from harness import paths
from harness.client import Client
from harness.remote import ClientFiles, FarIncus
from harness.server import free_port
from test_plain_mode import NOEXEC


class Member(FarIncus):
    """Of a cluster, by a preseed of its own instead of the script's."""

    def __init__(self, number):
        super().__init__(f"{paths.INCUS_DIR}-member{number}")
        self.name, self.address = f"member{number}", f"127.0.0.1:{free_port()}"
        self.port = int(self.address.rsplit(":", 1)[1])

    def start(self):
        """The daemon alone, without a pool."""
        environment = {**os.environ, **self.env, "INCUS_UP_DAEMON_ONLY": "1"}
        subprocess.run([paths.ROOT / "packaging" / "demo" / "incus-up"], check=True, env=environment)

    def preseed(self, text):
        subprocess.run(["incus", "admin", "init", "--preseed"], check=True, env=self.env,
                       input=json.dumps(text), text=True, capture_output=True, timeout=90)

    def stop(self):
        subprocess.run([paths.ROOT / "packaging" / "demo" / "incus-down"], env={**os.environ, **self.env})


@pytest.fixture(scope="module")
def cluster():
    members = [Member(1), Member(2)]
    try:
        for member in members:
            member.start()
        first, second = members
        first.preseed({
            "config": {"core.https_address": first.address, "cluster.https_address": first.address},
            "storage_pools": [{"name": "default", "driver": "dir"}],
            "profiles": [{"name": "default", "devices": {
                "root": {"type": "disk", "path": "/", "pool": "default"}}}],
            "cluster": {"enabled": True, "server_name": first.name}})
        token = first("cluster", "add", second.name, "--quiet").split()[-1]
        second.preseed({"cluster": {"enabled": True, "server_address": second.address,
                                    "cluster_token": token, "member_config": []}})
        image = first.directory / "busybox.tar"
        subprocess.run([paths.ROOT / "packaging" / "demo" / "busybox-image", image], check=True)
        first("image", "import", "--quiet", image, "--alias", "ssh2incus-busybox")
        for member in members:
            first("launch", "ssh2incus-busybox", f"on-{member.name}", "--target", member.name)
        yield first, second
    finally:
        for member in reversed(members):
            member.stop()


@pytest.fixture
def server(cluster_server):
    cluster_server.settle()
    cluster_server.log.mark()
    return cluster_server


@pytest.fixture(scope="module")
def cluster_server(keyring, incus, cluster, system_users, tmp_path_factory):
    files = ClientFiles(f"/run/ssh2incus-test-cluster-{os.getpid()}")
    first, second = cluster
    first.trust(files.folder / "client.crt")
    certificate = (first.directory / "cluster.crt").read_text()
    files.add("one", first.url, certificate)
    files.add("two", second.url, certificate)
    starter = Starter(keyring, tmp_path_factory.mktemp("cluster"), incus)
    yield starter(env=files.env)
    starter.stop()
    files.remove()


@pytest.mark.expect_logins(4)
def test_instances_of_either_member_by_either(server, root_key):
    data = os.urandom(30_000_000)
    for remote in ("one", "two"):
        for member in ("member1", "member2"):
            client = Client(server, root_key, f"{remote}:on-{member}")
            with client.master() as (shared, _):
                result = shared.run("cat; hostname >&2; exit 4", input=data, timeout=60)
                assert (result.returncode, result.stderr) == (4, f"on-{member}\n".encode())
                assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()


@pytest.mark.expect_logins(2)
def test_plain_mode_and_start_on_the_other_member(server, root_key, cluster):
    first, _ = cluster
    client = Client(server, root_key, "one:on-member2")
    first("stop", "-f", "on-member2")
    assert client.output("hostname") == "on-member2\n"
    first.shell("on-member2", NOEXEC)
    assert client.run("echo out; exit 3").returncode == 3
    assert server.log.wait_for("target_ready", mode="plain")


@pytest.mark.expect_logins(1)
def test_cluster_over_the_local_socket(start_server, cluster, root_key):
    first, _ = cluster
    server = start_server(incus=first)
    client = Client(server, root_key, "on-member2")
    data = os.urandom(3_000_000)
    assert client.run("cat", input=data).stdout == data
