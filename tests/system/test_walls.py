"""The walls as they look from outside: each live process' entry in /proc, before and after login."""
import contextlib
import grp
import os
import pwd
import socket
import stat

import paramiko
import pytest

from harness.client import end, fresh_source, wait_until
from harness.process import Process, processes

CAP_KILL = 5
# Without the privileges that only a whole system administrator needs.
CAP_NEVER = {12: "NET_ADMIN", 16: "SYS_MODULE", 17: "SYS_RAWIO", 19: "SYS_PTRACE",
             21: "SYS_ADMIN", 22: "SYS_BOOT", 25: "SYS_TIME"}


@contextlib.contextmanager
def before_login(server):
    """A connection that has exchanged keys and not logged in."""
    stream = socket.create_connection((server.address, server.port), 10, (fresh_source(), 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        yield transport


@contextlib.contextmanager
def after_login(ssh):
    """A connection with a session that runs."""
    process = ssh.start("echo ready; sleep 300")
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        end(process)


@pytest.fixture(params=["before", "after"])
def stage(request, server, ssh):
    """The connection's processes at that stage: {name: Process}."""
    server.wait_idle()
    context = before_login(server) if request.param == "before" else after_login(ssh)
    with context:
        monitor, = wait_until(server.monitors)
        sessiond, = server.named("ssh2incus-sessiond")
        yield request.param, monitor, sessiond
    server.wait_idle()


def both(test):
    """Runs at both stages; only the later one logs in."""
    return pytest.mark.parametrize("stage", [
        pytest.param("before", marks=pytest.mark.expect_logins(0)),
        pytest.param("after", marks=pytest.mark.expect_logins(1))], indirect=True)(test)


def sockets(process):
    """Kinds of the open fds, by number: 'null', 'unix', 'tcp', 'listening', or what it is."""
    listening, connected = set(), set()
    for table in ("tcp", "tcp6"):
        for line in (process.folder / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            (listening if fields[3] == "0A" else connected).add(fields[9])
    kinds = {}
    for number, target in process.files().items():
        kind = target
        if target == "/dev/null":
            kind = "null"
        elif target.startswith("socket:["):
            inode = target[8:-1]
            kind = ("listening" if inode in listening else
                    "tcp" if inode in connected else "unix")
        elif target.startswith("pipe:["):
            kind = "pipe"
        kinds[number] = kind
    return kinds


def filtered(process):
    status = process.status()
    return status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def undumpable(process):
    """The entry of a process that can't be dumped belongs to root, whoever runs it."""
    return (process.folder / "environ").stat().st_uid == 0


@both
def test_sessiond_is_an_unprivileged_user_of_its_own(stage):
    _, _, sessiond = stage
    user = pwd.getpwnam("ssh2incus")
    status = sessiond.status()
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert status["Gid"].split() == [str(user.pw_gid)] * 4
    assert sessiond.groups() <= {user.pw_gid}


@both
def test_sessiond_has_no_capability_in_any_set(stage):
    _, _, sessiond = stage
    assert sessiond.capabilities() == {name: set() for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


@both
def test_sessiond_is_filtered_and_cannot_be_dumped(stage):
    _, _, sessiond = stage
    assert filtered(sessiond) and undumpable(sessiond)


@both
def test_sessiond_sees_an_empty_root_that_it_cannot_write(stage):
    _, _, sessiond = stage
    assert sessiond.root_entries() == []
    root = os.stat(sessiond.folder / "root")
    assert (root.st_uid, root.st_gid) == (0, 0)
    assert not root.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    assert os.path.samefile(sessiond.folder / "cwd", sessiond.folder / "root")


@both
def test_sessiond_holds_exactly_the_fds_it_needs(stage):
    when, _, sessiond = stage
    kinds = sockets(sessiond)
    assert [kinds.pop(number, None) for number in range(3)] == ["null"] * 3
    wanted = ["tcp", "unix"] + (["unix"] * 4 if when == "after" else [])
    assert sorted(kinds.values()) == sorted(wanted), kinds


@both
def test_sessiond_is_limited(stage):
    _, _, sessiond = stage
    limits = sessiond.limits()
    for name in ("Max processes", "Max file size", "Max core file size"):
        assert limits[name] == ("0", "0"), name
    assert int(limits["Max open files"][1]) <= 512


@both
def test_sessiond_has_no_memory_that_is_writable_and_executable(stage):
    _, monitor, sessiond = stage
    for process in (monitor, sessiond):
        for line in (process.folder / "maps").read_text().splitlines():
            assert "wx" not in line.split()[1], line


@both
def test_sessiond_has_an_empty_environment(stage):
    _, _, sessiond = stage
    assert (sessiond.folder / "environ").read_bytes().strip(b"\0") in (b"",)


@both
def test_monitor_has_one_capability(stage):
    when, monitor, _ = stage
    sets = monitor.capabilities()
    allowed = {CAP_KILL}
    assert sets["Eff"] <= allowed and sets["Prm"] <= allowed and sets["Bnd"] <= allowed, sets
    assert sets["Inh"] == sets["Amb"] == set()


@both
def test_monitor_is_filtered_limited_and_cannot_be_dumped(stage):
    _, monitor, _ = stage
    assert filtered(monitor) and undumpable(monitor)
    limits = monitor.limits()
    for name in ("Max processes", "Max file size", "Max core file size"):
        assert limits[name] == ("0", "0"), name
    assert monitor.groups() <= {0}


@both
def test_monitor_holds_neither_the_connection_nor_the_listening_socket(stage):
    _, monitor, _ = stage
    kinds = sockets(monitor)
    assert "tcp" not in kinds.values() and "listening" not in kinds.values(), kinds
    others = {kind for kind in kinds.values() if not kind.endswith("/run/connections")}
    assert others <= {"unix", "pipe", "null", "anon_inode:[signalfd]"}, kinds


@pytest.mark.expect_logins(0)
def test_attendant_before_login(server):
    with before_login(server):
        monitor, = server.monitors()
        attendant, = wait_until(lambda: [child for child in monitor.children()
                                         if child.name == "ssh2incus"])
        assert filtered(attendant) and undumpable(attendant)
        sets = attendant.capabilities()
        assert not sets["Bnd"] & set(CAP_NEVER), sets["Bnd"]
        assert sets["Eff"] <= sets["Prm"] and sets["Inh"] == sets["Amb"] == set()
        kinds = sockets(attendant)
        assert "tcp" not in kinds.values() and "listening" not in kinds.values(), kinds


@pytest.mark.expect_logins(1)
def test_attendant_and_gateway_are_gone_after_login(ssh, server):
    with after_login(ssh):
        monitor, = server.monitors()
        wait_until(lambda: [child.name for child in monitor.children() if child.alive] ==
                   ["ssh2incus-sessiond"], 5)


@pytest.mark.expect_logins(0)
def test_listener(server):
    listener = Process(server.pid)
    sets = listener.capabilities()
    assert not sets["Eff"] & set(CAP_NEVER), sets["Eff"]
    assert not sets["Bnd"] & set(CAP_NEVER), sets["Bnd"]
    assert filtered(listener) and undumpable(listener)
    assert listener.limits()["Max core file size"] == ("0", "0")
    assert list(sockets(listener).values()).count("listening") == 1


@pytest.mark.expect_logins(1)
def test_gateway_while_it_waits_for_incus(ssh, server, incus):
    user = pwd.getpwnam("ssh2incus-gateway")
    admin = os.stat(incus.socket).st_gid
    with incus.stopped() as daemon:
        process = ssh.start("echo in")
        try:
            gateway = wait_until(lambda: server.named("ssh2incus-gateway"), 10)[0]
            # The last step of its sandbox is a filter on top of those of the listener and the
            # attendant, which started it.
            inherited = int(Process(server.pid).status()["Seccomp_filters"]) + 1
            wait_until(lambda: int(gateway.status()["Seccomp_filters"]) > inherited, 5)
            status = gateway.status()
            assert status["Uid"].split() == [str(user.pw_uid)] * 4
            assert status["Gid"].split() == [str(user.pw_gid)] * 4
            assert gateway.groups() <= {user.pw_gid, admin, grp.getgrnam("incus-admin").gr_gid}
            assert all(not numbers for numbers in gateway.capabilities().values())
            assert filtered(gateway) and undumpable(gateway)
            limits = gateway.limits()
            for name in ("Max processes", "Max file size", "Max core file size"):
                assert limits[name] == ("0", "0"), name
            kinds = sockets(gateway)
            assert "tcp" not in kinds.values() and "listening" not in kinds.values(), kinds
        finally:
            daemon.resume()
        output, errors = process.communicate(timeout=30)
        assert output == b"in\n", errors


def guests_on_the_host():
    """By uid inside the instance: the part that serves, and root's part that cleans up."""
    found = {}
    for process in processes():
        with contextlib.suppress(OSError, IndexError):
            if "ssh2incus/guest-" in process.arguments[0]:
                found.setdefault(int(process.status()["Uid"].split()[0]) % 1000000, []).append(process)
    return found


@pytest.mark.expect_logins(1)
def test_guest_is_the_instance_user_and_nothing_of_it_shows(ssh, server):
    server.wait_idle()
    wait_until(lambda: not guests_on_the_host())
    with after_login(ssh.but(login="alice@c1")):
        guest, = guests_on_the_host()[1001]
        base = int(guest.status()["Uid"].split()[0]) - 1001
        status = guest.status()
        assert status["Uid"].split() == status["Gid"].split() == [str(base + 1001)] * 4
        assert guest.groups() - {base + 1001} == {base + 2001, base + 2002}
        assert not guest.capabilities()["Eff"] and not guest.capabilities()["Prm"]
        assert len(guest.arguments) == 1, guest.arguments
        for process in sum(guests_on_the_host().values(), []):
            assert b"SSH_" not in (process.folder / "environ").read_bytes()


@pytest.mark.expect_logins(1)
def test_the_instance_user_cannot_reach_into_the_guest(ssh):
    with ssh.but(login="alice@c1").master() as (client, _):
        result = client.run("for p in /proc/[0-9]*; do case $(cat $p/comm) in guest-*) echo found; "
                            "cat $p/environ $p/maps $p/mem; ls $p/fd;; esac; done")
        assert b"found\n" in result.stdout
        assert set(result.stdout.split()) == {b"found"}, result.stdout
        assert b"Permission denied" in result.stderr
