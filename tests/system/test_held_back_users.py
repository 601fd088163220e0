"""Who is guessed at from many sources is held back: passwords count for nothing, keys do."""
import contextlib
import socket
import time

import paramiko
import pytest

from harness.client import Client, fresh_source
from test_password import (  # noqa: F401 (fixtures)
    PASSWORD, account, askpass, options, password_server, service)

FAILURES = 30  # that are let pass, if nothing else is said


@contextlib.contextmanager
def transport_from(source, server):
    stream = socket.create_connection((server.address, server.port), 20, (source, 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=60)
        transport.auth_timeout = 60
        yield transport


def guess(server, source, times):
    with transport_from(source, server) as transport:
        for _ in range(times):
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_password("c1+s2ipam1", "wrong", fallback=False)


@pytest.mark.expect_logins(3)
def test_guessing_from_many_sources(password_server, account, askpass, keyring):  # noqa: F811
    key = keyring.get("ed25519", name="held-back")
    account.write_keys(key.public)
    known, new = fresh_source(), fresh_source()
    guessing = [fresh_source() for _ in range(4)]
    server = password_server("-P", "--password-failure-time", "1", "--max-auth-tries", "60",
                             "--penalty-half-life", "3600",
                             "--penalty-exempt", ",".join([known, new, *guessing]))

    def log_in(source, method, key=None):
        return Client(server, key, "c1+s2ipam1", source).run(
            "echo in", options=options(method), env=askpass(PASSWORD))

    assert log_in(known, "password").stdout == b"in\n"
    for source in guessing:
        guess(server, source, (FAILURES + 6) // len(guessing))
    event, = server.log.wait_for("user_held_back")
    assert event.user == "s2ipam1"

    for method in ("password", "keyboard-interactive"):
        result = log_in(new, method)
        assert result.returncode == 255 and b"Permission denied" in result.stderr
        assert server.log.events("auth_failed")[-1].reason == "too many failures of this user lately"
    assert log_in(new, "publickey", key).stdout == b"in\n"
    assert log_in(known, "password").stdout == b"in\n", "where the user has logged in before"
    assert len(server.log.events("user_held_back")) == 1


@pytest.mark.expect_logins(1)
def test_another_number_of_failures(password_server, account, askpass):  # noqa: F811
    new, guessing = fresh_source(), fresh_source()
    server = password_server("-P", "--password-failure-time", "1", "--user-failures", "2",
                             "--user-failures-max", "8", "--penalty-half-life", "2",
                             "--max-auth-tries", "60", "--penalty-exempt", f"{new},{guessing}")

    def log_in():
        return Client(server, None, "c1+s2ipam1", new).run(
            "echo in", options=options("password"), env=askpass(PASSWORD)).stdout

    guess(server, guessing, 20)
    assert server.log.wait_for("user_held_back")
    assert log_in() == b""
    time.sleep(6)  # eight are left of them: two half-lives until they are two
    assert log_in() == b"in\n"


@pytest.mark.expect_logins(1)
def test_nobody_is_held_back_if_that_is_wanted(password_server, account, askpass):  # noqa: F811
    new, guessing = fresh_source(), fresh_source()
    server = password_server("-P", "--password-failure-time", "1", "--user-failures", "0",
                             "--max-auth-tries", "60", "--penalty-exempt", f"{new},{guessing}")
    guess(server, guessing, FAILURES + 6)
    assert Client(server, None, "c1+s2ipam1", new).run(
        "echo in", options=options("password"), env=askpass(PASSWORD)).stdout == b"in\n"
    assert not server.log.events("user_held_back")
