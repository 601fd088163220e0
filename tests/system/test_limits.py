"""Limits on who tries: grace time, attempts, start-ups, penalties by source."""
import contextlib
import socket
import time

import paramiko
import pytest

from harness.client import Client, fresh_source, wait_until


def connect(server, source=None):
    return socket.create_connection((server.address, server.port), 10, (source or "127.0.0.1", 0))


def greeted(stream, timeout=5):
    """Whether the server says its version."""
    stream.settimeout(timeout)
    try:
        return stream.recv(8).startswith(b"SSH-2.0")
    except OSError:
        return False


@pytest.mark.expect_logins(0)
def test_grace_time_ends_connections_that_do_not_log_in(start_server):
    server = start_server("--login-grace-time", "2")
    begin = time.monotonic()
    with connect(server, fresh_source()) as stream:
        assert greeted(stream)
        stream.settimeout(10)
        with contextlib.suppress(ConnectionError):
            while stream.recv(4096):
                pass
    assert 1.5 < time.monotonic() - begin < 4
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_grace_time_does_not_end_sessions(start_server, root_key):
    server = start_server("--login-grace-time", "2")
    assert Client(server, root_key).output("sleep 4; echo still") == "still\n"


def refused_keys(server, login, count, source):
    """How many keys the server lets a client try before it hangs up."""
    with connect(server, source) as stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        for number in range(count):
            try:
                transport.auth_publickey(login, paramiko.ECDSAKey.generate())
            except paramiko.AuthenticationException:
                if not transport.is_active():
                    return number + 1
            except (paramiko.SSHException, EOFError):
                return number
    return count


@pytest.mark.expect_logins(0)
def test_max_auth_tries(start_server):
    server = start_server("--max-auth-tries", "3")
    assert refused_keys(server, "c1", 10, fresh_source()) in (2, 3)
    failures = server.log.wait_for("auth_failed", method="publickey")
    assert len(failures) == 3 and len({event.fingerprint for event in failures}) == 3


@pytest.mark.expect_logins(0)
def test_default_of_six_tries(start_server):
    assert refused_keys(start_server(), "c1", 20, fresh_source()) in (5, 6)


@pytest.mark.expect_logins(0)
def test_max_startups_drops_what_is_too_much(start_server):
    server = start_server("--max-startups", "3:100:5", "--per-source-max-startups", "100")
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connect(server, fresh_source())) for _ in range(8)]
        served = sum(greeted(stream, 2) for stream in streams)
        assert served == 3
        server.log.wait_for("connection_refused")
    server.wait_idle()
    with connect(server, fresh_source()) as stream:
        assert greeted(stream)


@pytest.mark.expect_logins(0)
def test_per_source_limit_leaves_room_for_others(start_server):
    server = start_server("--per-source-max-startups", "2")
    source = fresh_source()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connect(server, source)) for _ in range(4)]
        assert sum(greeted(stream, 2) for stream in streams) == 2
        assert greeted(stack.enter_context(connect(server, fresh_source())))


@pytest.mark.expect_logins(1)
def test_logged_in_connections_do_not_count_as_startups(start_server, root_key):
    server = start_server("--max-startups", "1:100:1")
    with Client(server, root_key).master():
        with connect(server) as stream:
            assert greeted(stream)


@pytest.mark.expect_logins(1)
def test_penalties_refuse_a_source_that_fails_and_only_that(start_server, root_key, keyring):
    server = start_server()
    source = fresh_source()
    wrong = Client(server, keyring.get("ed25519", name="wrong"), "c1", source)

    def refused():
        with connect(server, source) as stream:
            return not greeted(stream)
    for _ in range(5):
        wrong.run("true")
        if server.log.events("connection_refused"):
            break
    wait_until(refused, 10, "a refusal of the failing source")
    assert server.log.wait_for("penalty")
    assert Client(server, root_key, source=fresh_source()).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_exempt_sources_are_not_penalised(start_server, keyring):
    source = fresh_source()
    server = start_server("--penalty-exempt", f"10.0.0.0/8,{source}/32")
    wrong = Client(server, keyring.get("ed25519", name="wrong"), "c1", source)
    for _ in range(6):
        assert b"Permission denied" in wrong.run("true").stderr
    assert server.log.events("connection_refused") == []


@pytest.mark.expect_logins(0)
def test_methods_that_are_not_offered(server):
    with connect(server, fresh_source()) as stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        with pytest.raises(paramiko.BadAuthenticationType) as refusal:
            transport.auth_none("c1")
        assert refusal.value.allowed_types == ["publickey"]
        with pytest.raises(paramiko.SSHException):
            transport.auth_password("c1", "secret", fallback=False)
    assert "secret" not in server.log.text()


@pytest.mark.expect_logins(0)
def test_channel_before_the_login_ends_the_connection(server):
    with connect(server, fresh_source()) as stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.open_session(timeout=5)
    server.wait_idle()


@pytest.mark.expect_logins(0)
def test_changing_the_user_name_between_attempts(server):
    with connect(server, fresh_source()) as stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=20)
        for login in ("c1+s2i-nobody", "c1"):
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.auth_publickey(login, paramiko.ECDSAKey.generate())
    server.wait_idle()


@pytest.mark.expect_logins(0)
def test_invalid_user_is_a_penalty_of_its_own(start_server, keyring):
    server = start_server()
    wrong = keyring.get("ed25519", name="wrong")
    for login, reason in (("c1+s2i-nobody", "invaliduser"), ("c1", "authfail")):
        Client(server, wrong, login, fresh_source()).run("true")
        assert server.log.wait_for("penalty", reason=reason)
