"""kill -9 of each process in the middle of a session: that connection ends, and nothing else."""
import contextlib
import os
import signal

import paramiko
import pytest

from harness.client import Client, end, wait_until
from harness.process import Process, processes


def kill_one(ssh, server, incus, find):
    """Two connections; kills a process of the first, then looks at what is left."""
    server.wait_idle()
    wait_until(lambda: not incus.runs("c1", "guest-"), 10, "the end of earlier guests")
    listener_files = Process(server.pid).file_count()
    instance_before = sorted(incus.instance_processes("c1"))
    victim = ssh.start("echo ready; sleep 4001")
    other = None
    try:
        assert victim.stdout.readline() == b"ready\n"
        first = find(server, incus, "sleep 4001")
        other = ssh.start("echo ready; read x; echo still")
        assert other.stdout.readline() == b"ready\n"
        os.kill(first, signal.SIGKILL)
        victim.wait(15)
        assert victim.returncode == 255
        assert other.poll() is None
        output, _ = other.communicate(b"\n", timeout=15)
        assert output == b"still\n" and other.returncode == 0
    finally:
        end(victim)
        if other:
            end(other)
    server.wait_idle()
    try:
        wait_until(lambda: sorted(incus.instance_processes("c1")) == instance_before, 15,
                   f"the same processes in the instance: {instance_before}")
    finally:
        for process in processes_of("sleep 4001"):
            os.kill(process.pid, signal.SIGKILL)
    assert ssh.output("echo again") == "again\n"
    server.wait_idle()
    wait_until(lambda: Process(server.pid).file_count() <= listener_files + 1, 5,
               "no fds left in the listener")


def sessiond(server, *_):
    process, = server.named("ssh2incus-sessiond")
    return process.pid


def monitor(server, *_):
    process, = server.monitors()
    return process.pid


def guest(server, incus, command):
    """The guest, seen from the host: the parent of the session's shell."""
    for process in processes_of(command):
        parent = Process(process.parent())
        if "ssh2incus/guest-" in " ".join(parent.arguments[:1]):
            return parent.pid
    raise AssertionError("guest not found")


def processes_of(command):
    """Those of the instance whose command line holds the text, seen from the host."""
    ours = os.readlink("/proc/self/ns/pid")
    found = []
    for process in processes():
        with contextlib.suppress(OSError):
            if command in " ".join(process.arguments) and \
                    os.readlink(process.folder / "ns/pid") != ours:
                found.append(process)
    return found


@pytest.mark.expect_logins(3)
@pytest.mark.parametrize("find", [sessiond, monitor, guest], ids=lambda find: find.__name__)
def test_only_that_connection_dies(ssh, server, incus, find):
    kill_one(ssh, server, incus, find)


@pytest.mark.expect_logins(1)
def test_gateway_killed_while_it_waits(ssh, server, incus):
    with incus.stopped() as daemon:
        process = ssh.start("true")
        try:
            gateway = wait_until(lambda: server.named("ssh2incus-gateway"), 10)[0]
            os.kill(gateway.pid, signal.SIGKILL)
        finally:
            daemon.resume()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 255 and errors.strip()
    assert server.log.wait_for("target_failed")
    server.wait_idle()


@pytest.mark.expect_logins(0)
def test_attendant_killed_before_the_login(server):
    from test_walls import before_login
    with before_login(server) as transport:
        monitor_process, = server.monitors()
        attendant, = [child for child in monitor_process.children() if child.name == "ssh2incus"]
        os.kill(attendant.pid, signal.SIGKILL)
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.auth_publickey("c1", paramiko.ECDSAKey.generate())
        wait_until(lambda: not transport.is_active(), 10)
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_listener_killed_leaves_sessions_alone_and_can_start_again(start_server, root_key):
    server = start_server("-m")
    client = Client(server, root_key)
    process = client.start("echo ready; read x; echo still")
    try:
        assert process.stdout.readline() == b"ready\n"
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        output, _ = process.communicate(b"\n", timeout=15)
        assert output == b"still\n"
    finally:
        end(process)
    server.start()
    server.stop()


@pytest.mark.expect_logins(2)
def test_restart_keeps_sessions(start_server, root_key):
    server = start_server("-m")
    client = Client(server, root_key)
    process = client.start("echo ready; read x; head -c 1000000 /dev/zero | wc -c")
    try:
        assert process.stdout.readline() == b"ready\n"
        server.process.terminate()
        server.process.wait(5)
        server.start()
        assert client.output("echo new") == "new\n"
        output, _ = process.communicate(b"\n", timeout=15)
        assert output == b"1000000\n"
    finally:
        end(process)


@pytest.mark.expect_logins(1)
def test_hangup_signal_reloads(start_server, root_key):
    server = start_server()
    server.process.send_signal(signal.SIGHUP)
    server.log.wait_for("reloaded")
    assert Client(server, root_key).output("echo in") == "in\n"
