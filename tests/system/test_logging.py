"""The log: one structured line per event."""
import re

import pytest

from harness.client import fresh_source

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=\w+ event=\w+( [a-z_0-9]+=(\"(?:[^\"\\]"
                  r"|\\.)*\"|\S*))*$")


@pytest.mark.expect_logins(1)
def test_a_session_from_connection_to_end(ssh, server):
    ssh.run("cat; exit 3", input=b"12345")
    server.log.wait_for("connection_closed")
    names = [event.event for event in server.log.events()]
    wanted = ["connection_opened", "auth_succeeded", "target_ready", "session_opened",
              "session_closed", "connection_closed"]
    assert [name for name in names if name in wanted] == wanted, names
    assert len({event.connection for event in server.log.events()}) == 1
    for line in server.log.text().splitlines():
        assert LINE.match(line), line


@pytest.mark.expect_logins(1)
def test_what_the_events_tell(ssh, server):
    ssh.but(login="alice@c1").run("cat; exit 3", input=b"12345")
    opened, = server.log.wait_for("connection_opened")
    assert "127.0.0.1" in opened.source
    login, = server.log.events("auth_succeeded")
    assert (login.method, login.fingerprint, login.host_user) == (
        "publickey", ssh.key.fingerprint, "root")
    assert "c1" in login.target and "alice" in login.target
    closed, = server.log.wait_for("session_closed")
    assert (closed.bytes_in, closed.bytes_out) == ("5", "5")
    assert "3" in (closed.exit_status, closed.exit, closed.status)
    session, = server.log.events("session_opened")
    assert session.command == "cat; exit 3"
    assert closed.seconds or closed.duration or closed.duration_ms, closed


@pytest.mark.expect_logins(0)
def test_a_refused_key_is_logged_with_its_fingerprint_and_source(member, keyring):
    other = keyring.get("ed25519", name="other")
    member.but(key=other).run("true")
    events = [event for event in member.server.log.wait_for("connection_closed") or []]
    assert events
    failures = [event for event in member.server.log.events()
                if event.event in ("auth_failed", "key_refused")]
    assert any(event.fingerprint == other.fingerprint for event in failures), \
        member.server.log.text()
    assert all(member.source in (event.source or "") for event in failures)


@pytest.mark.expect_logins(1)
def test_commands_are_escaped(ssh, server):
    ssh.run("echo '\x1b[31m\u202e' \"quoted\" >/dev/null\necho second line >/dev/null")
    server.log.wait_for("session_opened")
    raw = server.log.raw()
    assert b"\x1b" not in raw and "\u202e".encode() not in raw
    for line in raw.decode().splitlines():
        assert LINE.match(line), line


@pytest.mark.expect_logins(0)
def test_every_line_of_strange_connections_is_well_formed(server):
    import socket
    source = fresh_source()
    with socket.create_connection((server.address, server.port), 10, (source, 0)) as stream:
        stream.sendall(b'SSH-2.0-x" event=auth_succeeded \x1b[2J\r\n')
        stream.settimeout(5)
        stream.recv(100)
    server.wait_idle()
    assert b"\x1b" not in server.log.raw()
    for line in server.log.text().splitlines():
        assert LINE.match(line), line
