"""Errors a user can act on: one clear line on stderr, 255 (or the documented code), and the log."""
import contextlib
import socket
import subprocess

import paramiko
import pytest

from harness.client import Client, fresh_source, wait_until


def refused_target(client, login, words):
    """A login that succeeds, to a target that can't be opened."""
    result = client.run("true", login=login)
    lines = [line for line in result.stderr.decode().splitlines()
             if line and not line.startswith("ssh2incus: starting instance")]
    assert result.returncode == 255, result
    assert len(lines) == 1, lines
    for word in words:
        assert word.lower() in lines[0].lower(), lines[0]
    assert client.server.log.wait_for("target_failed")
    return lines[0]


@pytest.mark.expect_logins(1)
def test_no_such_instance(ssh):
    refused_target(ssh, "nosuch", ["nosuch", "instance"])


@pytest.mark.expect_logins(1)
def test_no_such_project(ssh):
    refused_target(ssh, "c1.nosuch", ["nosuch", "project"])


@pytest.mark.expect_logins(1)
def test_no_such_user_in_the_instance(ssh):
    refused_target(ssh, "nobody-here@c1", ["nobody-here", "user"])


@pytest.mark.expect_logins(1)
def test_frozen_instance(ssh):
    refused_target(ssh, "c3", ["c3", "frozen"])


@pytest.mark.expect_logins(1)
def test_instance_of_another_project_is_not_found(ssh, incus):
    incus.ensure("only-p1", "Stopped", project="p1")
    refused_target(ssh, "only-p1", ["only-p1"])


@pytest.mark.expect_logins(1)
def test_stopped_instance_is_started(ssh, incus):
    incus.ensure("c2", "Stopped")
    try:
        assert ssh.output("hostname", login="c2", timeout=60) == "c2\n"
        assert incus.state("c2") == "Running"
    finally:
        incus.ensure("c2", "Stopped")


@pytest.mark.expect_logins(1)
def test_stopped_instance_that_cannot_start_says_why(ssh, incus):
    incus.ensure("broken", "Stopped")
    incus("config", "device", "add", "broken", "gone", "disk", "source=/nonexistent-for-test",
          "path=/gone", "required=true", check=False)
    incus("config", "set", "broken", "raw.lxc", "lxc.hook.pre-start=/bin/false")
    refused_target(ssh, "broken", ["broken", "start"])


@pytest.mark.expect_logins(1)
def test_incus_unreachable(start_server, root_key, open_folder):
    server = start_server("--socket", str(open_folder / "none.socket"))
    refused_target(Client(server, root_key), "c1", ["incus"])


@pytest.mark.expect_logins(2)
def test_incus_that_comes_back_is_used_again(start_server, root_key, incus, open_folder):
    path = open_folder / "socket"
    server = start_server("--socket", str(path))
    client = Client(server, root_key)
    refused_target(client, "c1", ["incus"])
    path.symlink_to(incus.socket)
    assert client.output("echo back") == "back\n"


@pytest.mark.expect_logins(1)
def test_incus_that_hangs_up_without_an_answer(start_server, root_key, open_folder):
    path = open_folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        listener.settimeout(0.2)
        server = start_server("--socket", str(path))
        process = Client(server, root_key).start("true")
        calls = 0
        while process.poll() is None and calls < 100:
            with contextlib.suppress(OSError):
                listener.accept()[0].close()
                calls += 1
        _, errors = process.communicate(timeout=30)
        assert calls and process.returncode == 255 and b"ncus" in errors
        assert server.log.wait_for("target_failed")


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("login, words", [
    ("c1-", ["c1-", "instance name ends with a hyphen"]),
    ("1c", ["1c", "instance name starts with a digit"]),
    ("c_1", ["c_1", "instance name has a character"]),
    ("a@b@c", ["b@c", "instance name has a character"]),
    ("+c1+nonsense=1+m2", ["nonsense=1", "no such option"]),
    ("", ["instance name has a character"]),
    ("c1+", ["host user is empty"]),
    ("@c1", ["instance user is empty"]),
    ("c1.", ["project name is empty"]),
    ("x" * 64, ["instance name is longer than 63"]),
    ("c1+no such", ["no such", "user name has a character"]),
])
def test_login_that_cannot_be_understood_says_why(server, root_key, login, words):
    client = Client(server, root_key, login or " ", fresh_source())
    result = client.run("true")
    assert result.returncode == 255
    shown = result.stderr.decode()
    assert "disconnect" in shown.lower() or "ssh2incus" in shown.lower(), shown
    for word in words:
        assert word in shown, shown


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("login", ["+new1", "~new2"])
def test_a_server_that_creates_no_instances_says_so(server, root_key, login):
    result = Client(server, root_key, login, fresh_source()).run("true")
    assert result.returncode == 255 and b"--allow-create" in result.stderr


@pytest.mark.expect_logins(1)
def test_remote_that_does_not_exist(server, root_key):
    result = Client(server, root_key, "nosuch:c1", fresh_source()).run("true")
    assert result.returncode == 255
    assert "nosuch" in result.stderr.decode() and "remote" in result.stderr.decode().lower()


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("login", [
    "-c1", "c1\x1b[31m\u202e\r\nfake level=info event=auth_succeeded", "c1\0", "c1\x7f", "x" * 5000,
    "\udcff\udcfe",
])
def test_login_that_openssh_would_not_send_is_refused_and_escaped_in_the_log(server, root_key, login):
    stream = socket.create_connection((server.address, server.port), 10, (fresh_source(), 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.auth_publickey(login.encode("utf-8", "surrogateescape"),
                                     paramiko.Ed25519Key.from_private_key_file(str(root_key.path)))
    server.log.wait_for("connection_closed")
    raw = server.log.raw()
    assert not any(byte in raw for byte in (b"\x1b", b"\r", b"\0", b"\x7f", b"\xff"))
    assert "\u202e".encode() not in raw
    assert not any(line.startswith(b"fake") for line in raw.splitlines())


@pytest.mark.expect_logins(0)
def test_an_unreadable_protocol_version_ends_that_connection_alone(server):
    for greeting in (b"GET / HTTP/1.0\r\n\r\n", b"SSH-1.5-old\r\n", b"\0" * 5000, b"x" * 70000):
        source = fresh_source()
        with socket.create_connection((server.address, server.port), 10, (source, 0)) as stream:
            stream.settimeout(10)
            try:
                stream.sendall(greeting)
                while stream.recv(4096):
                    pass
            except OSError:
                pass
    server.wait_idle()
    assert subprocess.run(["kill", "-0", str(server.pid)]).returncode == 0
