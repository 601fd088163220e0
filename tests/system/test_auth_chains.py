"""Logins that must prove several things, in order (--auth-methods)."""
import pytest

from harness.client import Client, fresh_source
from test_flags import run


@pytest.fixture
def two_keys(users, keyring):
    """Keys of host user s2isys1, the second with a restriction."""
    first = keyring.get("ed25519", name="chain1")
    second = keyring.get("ecdsa", 256, name="chain2")
    users["member"].write_keys(first.public, "no-pty " + second.public)
    return first, second


def client(server, key, *others):
    options = [f"IdentityFile={other.path}" for other in others]
    return Client(server, key, "c1+s2isys1", fresh_source(), options)


@pytest.mark.expect_logins(2)
def test_two_different_keys(start_server, two_keys):
    server = start_server("--auth-methods", "publickey,publickey")
    both = client(server, *two_keys)
    result = both.run("echo in", options=["LogLevel=VERBOSE"])
    assert result.stdout == b"in\n" and b"partial success" in result.stderr
    partial, = server.log.events("auth_partial")
    assert partial.next == "publickey"
    # What one of the keys forbids is forbidden.
    assert b"PTY allocation request failed" in both.run("tty", options=["-tt"]).stderr


@pytest.mark.expect_logins(0)
def test_one_key_twice_is_not_enough(start_server, two_keys):
    server = start_server("--auth-methods", "publickey,publickey")
    result = client(server, two_keys[0]).run("echo in")
    assert result.returncode == 255 and b"Permission denied (publickey)" in result.stderr
    assert server.log.events("auth_partial") and not server.log.events("auth_succeeded")


@pytest.mark.expect_logins(2)
def test_any_of_several_chains(start_server, two_keys):
    server = start_server("--auth-methods", "publickey,publickey publickey")
    first, second = two_keys
    assert client(server, first).output("echo in") == "in\n"
    assert client(server, second, first).output("echo in") == "in\n"
    assert not server.log.events("auth_partial")


@pytest.mark.expect_logins(0)
def test_chain_that_does_not_parse():
    result = run("--auth-methods", "publickey,hostbased")
    assert result.returncode == 2 and "hostbased" in result.stderr
