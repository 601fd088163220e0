"""A typed password is in no process that stays, neither after a login nor after a failure."""
import os

import paramiko
import pytest

from harness.pam import must_change_password
from harness.process import Process
from test_instance_auth import instances  # noqa: F401 (a fixture)
from test_instance_password import PASSWORD as INSTANCE_PASSWORD, hash_of, shadow  # noqa: F401
from test_password import (PASSWORD, account, password_server, service,  # noqa: F401
                           shell_output, transport_to)
from test_walls import guests_on_the_host


def needles(password):
    return [password.encode(), password.encode("utf-16-le")]


def assert_nowhere(server, password):
    processes = [Process(server.pid), *server.connection_processes()]
    names = [process.name for process in processes]
    assert "ssh2incus-sessiond" in names and names.count("ssh2incus") >= 2, names
    found = {str(process): process.search_memory(needles(password)) for process in processes}
    assert set(found.values()) == {0}, found


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_after_login(password_server, account, method):  # noqa: F811
    server = password_server()
    with transport_to(server) as transport:
        if method == "password":
            transport.auth_password("c1+s2ipam1", PASSWORD, fallback=False)
        else:
            transport.auth_interactive("c1+s2ipam1", lambda *asked: [PASSWORD] * len(asked[2]))
        assert shell_output(transport, "echo in") == b"in\n"
        channel = transport.open_session()
        channel.exec_command("echo ready; exec sleep 300")
        assert channel.recv(6) == b"ready\n"
        assert_nowhere(server, PASSWORD)
        guests = [guest for guests in guests_on_the_host().values() for guest in guests]
        assert guests
        assert sum(guest.search_memory(needles(PASSWORD)) for guest in guests) == 0


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_after_a_failure(password_server, account, method):  # noqa: F811
    server = password_server()
    wrong = "wr0ng-but-Distinctive-9431"
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            if method == "password":
                transport.auth_password("c1+s2ipam1", wrong, fallback=False)
            else:
                transport.auth_interactive("c1+s2ipam1", lambda *asked: [wrong] * len(asked[2]))
        assert transport.is_active()
        assert_nowhere(server, wrong)


@pytest.mark.expect_logins(0)
def test_the_search_finds_what_is_there():
    here = "found-".encode() + b"in-this-process-5518"
    assert Process(os.getpid()).search_memory([here]) > 0


@pytest.mark.expect_logins(1)
def test_password_of_an_instance(password_server, shadow):  # noqa: F811
    """While the gateway lives that has judged a wrong one, and after the login."""
    shadow(hash_of(INSTANCE_PASSWORD))
    server = password_server("-P", "--inauth")
    wrong = "wr0ng-and-Distinctive-2260"
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("ana@ia1", wrong, fallback=False)
        assert server.named("ssh2incus-gateway")
        assert_nowhere(server, wrong)
        transport.auth_password("ana@ia1", INSTANCE_PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
        for password in (wrong, INSTANCE_PASSWORD):
            assert_nowhere(server, password)


@pytest.mark.expect_logins(1)
def test_after_a_chain(password_server, account, keyring):  # noqa: F811
    key = keyring.get("ed25519", name="memory")
    account.write_keys(key.public)
    server = password_server("--auth-methods", "password,publickey")
    with transport_to(server) as transport:
        assert transport.auth_password("c1+s2ipam1", PASSWORD, fallback=False) == ["publickey"]
        assert_nowhere(server, PASSWORD)
        transport.auth_publickey("c1+s2ipam1",
                                 paramiko.Ed25519Key.from_private_key_file(str(key.path)))
        assert shell_output(transport, "echo in") == b"in\n"
        assert_nowhere(server, PASSWORD)


@pytest.mark.expect_logins(1)
def test_after_the_change_of_an_expired_password(password_server, account):  # noqa: F811
    must_change_password(account.name)
    new = "Another-Horse-8staple"
    server = password_server()

    def answer(title, instructions, asked):
        return [PASSWORD if "urrent" in text or text.startswith("Password") else new
                for text, _ in asked]
    with transport_to(server) as transport:
        transport.auth_interactive("c1+s2ipam1", answer)
        assert shell_output(transport, "echo in") == b"in\n"
        for password in (PASSWORD, new):
            assert_nowhere(server, password)
