"""Fixtures. Every test says by @expect_logins(N) how many logins it must cause; the server's log is
asked afterwards, so that a test that talks to nothing (or to something else) fails."""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import hostusers, paths  # noqa: E402
from harness.access import AccessFile  # noqa: E402
from harness.client import Client, fresh_source  # noqa: E402
from harness.creator import Creator  # noqa: E402
from harness.forward import Forwards  # noqa: E402
from harness.hostusers import HostUser, RootKeys  # noqa: E402
from harness.incus import Incus  # noqa: E402
from harness.inside import Inside  # noqa: E402
from harness.keys import KeyRing  # noqa: E402
from harness.server import Server  # noqa: E402
from harness.terminal import Terminal  # noqa: E402

ALICE = """
grep -q '^alice:' /etc/passwd || echo 'alice:x:1001:1001::/home/alice:/bin/sh' >>/etc/passwd
for line in alice:x:1001: extra1:x:2001:alice extra2:x:2002:bob,alice; do
  grep -q "^${line%%:*}:" /etc/group || echo "$line" >>/etc/group
done
mkdir -p /home/alice && chown 1001:1001 /home/alice
"""


def pytest_configure(config):
    # Ended from outside, take back what was made all the same.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))
    config.addinivalue_line("markers", "expect_logins(n): the logins that the test must cause")


def pytest_collection_modifyitems(items):
    without = [item.nodeid for item in items if item.get_closest_marker("expect_logins") is None]
    if without:
        raise pytest.UsageError("tests that don't say expect_logins(n): " + ", ".join(without))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.has_passed = outcome.get_result().passed


@pytest.fixture(scope="session")
def keyring():
    ring = KeyRing()
    yield ring
    ring.close()


@pytest.fixture(scope="session")
def system_users():
    script = paths.ROOT / "packaging" / "create-system-users"
    made = subprocess.run([script], check=True, capture_output=True, text=True).stdout
    yield
    for kind, name in (line.split() for line in reversed(made.splitlines())):
        if kind == "user":
            subprocess.run(["userdel", name], capture_output=True)
        elif kind == "group":
            subprocess.run(["groupdel", name], capture_output=True)
        else:
            pathlib.Path(name).unlink()


@pytest.fixture(scope="session")
def incus():
    daemon = Incus().up()
    daemon.ensure("c1")
    daemon.shell("c1", ALICE)
    daemon.ensure("c2", "Stopped")
    daemon.ensure("c3", "Frozen")
    if "p1" not in [line.split(",")[0].split()[0] for line in
                    daemon("project", "list", "--format", "csv").splitlines()]:
        daemon("project", "create", "p1", "-c", "features.images=false", "-c",
               "features.profiles=false")
    daemon.ensure("c1", project="p1")
    yield daemon
    if not os.environ.get("SSH2INCUS_KEEP_INCUS"):
        daemon.down()


@pytest.fixture(scope="session")
def debian(incus):
    """Name of an instance with Debian's programs, and users alice and bob."""
    incus.ensure_debian("d1")
    return "d1"


@pytest.fixture(scope="session")
def users(system_users):
    """Host users by what they are."""
    people = {
        "member": HostUser("s2isys1", ["incus"]),
        "stranger": HostUser("s2isys2"),
        "admin": HostUser("s2isys3", ["incus-admin"]),
        "expired": HostUser("s2isys4", ["incus"], ["-e", "2001-01-01"]),
    }
    for person in people.values():
        person.create()
    yield people
    for person in people.values():
        person.remove()


@pytest.fixture(scope="session")
def root_key(keyring):
    """The key that host user root may log in with."""
    key = keyring.get("ed25519", name="root")
    keys = RootKeys()
    keys.add(key.public)
    yield key
    keys.remove()


class Starter:
    """Starts servers; those of one test end with it."""

    def __init__(self, keyring, folder, incus):
        self.keyring, self.folder, self.incus = keyring, pathlib.Path(folder), incus
        self.numbers = itertools.count(1)
        self.running = []

    def __call__(self, *arguments, **settings):
        folder = self.folder / f"server{next(self.numbers)}"
        server = Server(self.keyring, folder, settings.pop("incus", self.incus), arguments,
                        **settings)
        self.running.append(server)
        return server.start()

    def stop(self):
        for server in self.running:
            server.stop()


@pytest.fixture(scope="session")
def shared_server(keyring, incus, system_users):
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-") as folder:
        pathlib.Path(folder).chmod(0o755)
        starter = Starter(keyring, folder, incus)
        # Flags that a later test of another source could be refused by are tested elsewhere.
        yield starter("--max-startups", "100:30:200")
        starter.stop()


@pytest.fixture
def start_server(keyring, incus, system_users):
    """start_server(*flags): a server for this test alone."""
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-") as folder:
        pathlib.Path(folder).chmod(0o755)
        starter = Starter(keyring, folder, incus)
        yield starter
        starter.stop()


@pytest.fixture
def server(shared_server):
    assert shared_server.running, "the server died: " + shared_server.log.text()[-3000:]
    shared_server.settle()
    shared_server.log.mark()
    yield shared_server
    assert shared_server.running, "the server died: " + shared_server.log.text()[-3000:]


@pytest.fixture
def ssh(server, root_key):
    """The stock client as host user root, to instance c1."""
    return Client(server, root_key)


@pytest.fixture
def member(server, users, keyring):
    """The stock client as host user s2isys1, a member of group incus, with a source of its own."""
    key = keyring.get("ed25519", name="member")
    users["member"].write_keys(key.public)
    return Client(server, key, "c1+s2isys1", fresh_source())


@pytest.fixture
def access():
    """An access.yaml: access.write(*rules)."""
    folder = tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run")
    os.chmod(folder, 0o755)
    yield AccessFile(folder)
    shutil.rmtree(folder)


@pytest.fixture
def creator(start_server, incus, root_key, access):
    made = Creator(start_server, incus, root_key, access.path.parent)
    yield made
    made.clean()


@pytest.fixture
def inside(incus):
    """Programs in the network of instance c1."""
    place = Inside(incus)
    yield place
    place.close()


@pytest.fixture
def forwards():
    """forwards(client, *options): a client that forwards until the test ends."""
    clients = Forwards()
    yield clients
    clients.close()


@pytest.fixture
def open_folder():
    """A directory that all users may enter (pytest's own is root's)."""
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def terminal():
    with contextlib.ExitStack() as stack:
        yield lambda argv, **settings: stack.enter_context(Terminal(argv, **settings))


@pytest.fixture(autouse=True)
def logins(request):
    """Compares the logins in the log with the test's own number."""
    # Asked for before the test, so that they still exist when this looks at their logs.
    names = request.fixturenames
    shared = [request.getfixturevalue("server")] if "server" in names else []
    starter = request.getfixturevalue("start_server") if "start_server" in names else None
    yield
    if not getattr(request.node, "has_passed", False):
        return  # skipped, or failed for a reason that is told already
    wanted = request.node.get_closest_marker("expect_logins").args[0]
    servers = shared + (starter.running if starter else [])

    def logins_in_the_logs():
        return sum(len(server.log.events("auth_succeeded")) for server in servers)
    deadline = time.monotonic() + 2
    while logins_in_the_logs() < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    happened = logins_in_the_logs()
    assert happened == wanted, f"{happened} logins in the server's log, {wanted} expected"
