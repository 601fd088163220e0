"""Passwords through PAM: the stock client and others, refusals, expired passwords, chains."""
import asyncio
import contextlib
import socket

import asyncssh
import paramiko
import pytest

from harness.client import Client, fresh_source
from harness.hostusers import HostUser
from harness.pam import PamService, must_change_password, set_password, usermod

PASSWORD = "correct-Horse-7battery"
UNIX = "required pam_unix.so"


@pytest.fixture
def account(system_users):
    """Host user s2ipam1, a member of group incus, with a password."""
    user = HostUser("s2ipam1", ["incus"])
    user.create()
    set_password(user.name, PASSWORD)
    yield user
    user.remove()


@pytest.fixture
def service():
    service = PamService()
    service.write(UNIX + " nullok", UNIX, UNIX + " sha512 rounds=1000")
    yield service
    service.remove()


@pytest.fixture
def password_server(start_server, service):
    def start(*flags):
        if "--password-failure-time" not in flags:
            flags = (*(flags or ["-P"]), "--password-failure-time", "50")
        return start_server("--pam-service", service.name, *flags)
    return start


@pytest.fixture
def askpass(open_folder):
    """askpass(answers...): an environment in which ssh gets these answers, one after the other."""
    def make(*answers):
        for number, answer in enumerate(answers):
            (open_folder / f"answer{number}").write_text(answer + "\n")
        script = open_folder / "askpass"
        script.write_text(
            f'#!/bin/sh\ncd {open_folder}\nprintf "%s\\n" "$1" >>prompts\n'
            'for file in answer*; do cat "$file" && rm "$file"; exit; done\nexit 1\n')
        script.chmod(0o755)
        return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    return make


def options(*methods):
    return ["BatchMode=no", "NumberOfPasswordPrompts=1",
            "PreferredAuthentications=" + ",".join(methods)]


def client(server, user="s2ipam1", key=None):
    return Client(server, key, f"c1+{user}", fresh_source())


@contextlib.contextmanager
def transport_to(server):
    stream = socket.create_connection((server.address, server.port), 20, (fresh_source(), 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=60)
        transport.auth_timeout = 60
        yield transport


def shell_output(transport, command):
    channel = transport.open_session()
    channel.exec_command(command)
    with channel.makefile() as stream:
        return stream.read()


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("methods", [["password", "keyboard-interactive"]])
def test_stock_client(password_server, account, askpass, methods):
    server = password_server()
    for method in methods:
        result = client(server).run("echo in", options=options(method), env=askpass(PASSWORD))
        assert result.stdout == b"in\n", result.stderr
        assert server.log.events("auth_succeeded")[-1].method == method


@pytest.mark.expect_logins(0)
def test_stock_client_with_a_wrong_password(password_server, account, askpass):
    server = password_server()
    for method in ("password", "keyboard-interactive"):
        result = client(server).run("echo in", options=options(method), env=askpass("wrong"))
        assert result.returncode == 255
        assert b"Permission denied (publickey,keyboard-interactive,password)" in result.stderr


@pytest.mark.expect_logins(2)
def test_paramiko(password_server, account):
    server = password_server()
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("c1+s2ipam1", "wrong", fallback=False)
        transport.auth_password("c1+s2ipam1", PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
    with transport_to(server) as transport:
        prompts = []

        def answer(title, instructions, asked):
            prompts.extend(asked)
            return [PASSWORD for _ in asked]
        transport.auth_interactive("c1+s2ipam1", answer)
        assert prompts == [("Password: ", False)]
        assert shell_output(transport, "echo in") == b"in\n"


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("methods", [["password", "keyboard-interactive"]])
def test_asyncssh(password_server, account, methods):
    server = password_server()

    async def log_in(method):
        async with asyncssh.connect(server.address, server.port, username="c1+s2ipam1",
                                    password=PASSWORD, known_hosts=str(server.known_hosts),
                                    client_keys=None, agent_path=None, config=None,
                                    preferred_auth=method) as connection:
            return (await connection.run("echo in")).stdout
    for method in methods:
        assert asyncio.run(log_in(method)) == "in\n"


@pytest.mark.expect_logins(0)
def test_refusals_read_the_same(password_server, account, askpass, users):
    """Wrong user, wrong password, wrong group, locked account: the same words."""
    set_password("s2isys2", PASSWORD)
    set_password("s2isys3", PASSWORD)
    usermod("-L", "s2isys3")
    server = password_server()
    shown = {}
    try:
        for method in ("password", "keyboard-interactive"):
            for user, password in (("s2i-nobody", PASSWORD), ("s2ipam1", "wrong"),
                                   ("s2isys2", PASSWORD), ("s2isys3", PASSWORD)):
                result = client(server, user).run("true", options=options(method),
                                                  env=askpass(password))
                assert result.returncode == 255
                shown[method, user] = result.stderr.replace(user.encode(), b"X")
    finally:
        usermod("-p", "!", "s2isys2")
        usermod("-p", "!", "s2isys3")
    assert len(set(shown.values())) == 1, shown


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("password", ["", PASSWORD + "\0", PASSWORD + "x", "x" * 1024, "x" * 5000])
def test_passwords_that_are_none(password_server, account, password):
    with transport_to(password_server()) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("c1+s2ipam1", password, fallback=False)
        assert transport.is_active()


@pytest.mark.expect_logins(0)
def test_empty_password_of_an_account_without_one(password_server, account):
    usermod("-p", "", account.name)
    server = password_server()
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("c1+s2ipam1", "", fallback=False)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive("c1+s2ipam1", lambda *asked: [""] * len(asked[2]))


@pytest.mark.expect_logins(0)
def test_change_of_a_password_by_the_password_method_is_refused(password_server, account):
    from paramiko.common import cMSG_USERAUTH_REQUEST
    with transport_to(password_server()) as transport:
        with pytest.raises(paramiko.BadAuthenticationType):
            transport.auth_none("c1+s2ipam1")
        request = paramiko.Message()
        request.add_byte(cMSG_USERAUTH_REQUEST)
        for text in ("c1+s2ipam1", "ssh-connection", "password"):
            request.add_string(text)
        request.add_boolean(True)
        request.add_string(PASSWORD)
        request.add_string("Another-Password-9")
        transport._send_message(request)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("c1+s2ipam1", "wrong", fallback=False)
        assert transport.is_active()


@pytest.mark.expect_logins(2)
def test_expired_password(password_server, account, askpass, terminal):
    """Refused with a hint by password; changed by keyboard-interactive, at a real terminal."""
    must_change_password(account.name)
    server = password_server()
    result = client(server).run("true", options=options("password"), env=askpass(PASSWORD))
    assert result.returncode == 255 and b"password has expired" in result.stderr
    new = "Another-Horse-8staple"
    argv = client(server).argv("echo", "i''n", options=options("keyboard-interactive"))
    screen = terminal(argv)
    screen.expect("Password: ")
    screen.type(PASSWORD + "\n")
    found = screen.expect("[Cc]urrent.*?: |[Nn]ew password: ")
    if b"urrent" in found.group():
        screen.type(PASSWORD + "\n")
        screen.expect("[Nn]ew password: ")
    screen.type(new + "\n")
    screen.expect("Retype new password: ")
    screen.type(new + "\n")
    screen.expect("in\r\n")
    assert screen.wait() == 0
    result = client(server).run("echo in", options=options("password"), env=askpass(new))
    assert result.stdout == b"in\n", result.stderr
    result = client(server).run("true", options=options("password"), env=askpass(PASSWORD))
    assert result.returncode == 255


@pytest.mark.expect_logins(0)
def test_shadow_keeps_owner_and_mode_when_a_password_is_changed(password_server, account):
    import os
    before = os.stat("/etc/shadow")
    must_change_password(account.name)
    with transport_to(password_server("--auth-methods", "keyboard-interactive,publickey")) as client:
        def answer(title, instructions, asked):
            return [PASSWORD if "urrent" in text or text.startswith("Password")
                    else "Another-Horse-8staple" for text, _ in asked]
        assert client.auth_interactive("c1+s2ipam1", answer) == ["publickey"]
    after = os.stat("/etc/shadow")
    assert (before.st_uid, before.st_gid, before.st_mode) == (
        after.st_uid, after.st_gid, after.st_mode)
    assert before.st_ino != after.st_ino, "not written anew"


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("second", [["password", "keyboard-interactive:pam"]])
def test_chains_with_a_key(password_server, account, askpass, keyring, second):
    key = keyring.get("ed25519", name="chain")
    account.write_keys(key.public)
    for method in second:
        server = password_server("--auth-methods", "publickey," + method)
        name = method.split(":")[0]
        both = client(server, key=key).run("echo in", options=options("publickey", name),
                                           env=askpass(PASSWORD))
        assert both.stdout == b"in\n", both.stderr
        partial, = server.log.events("auth_partial")
        assert partial.next == name
        one = client(server, key=key).run("echo in", options=options("publickey"))
        assert one.returncode == 255 and f"denied ({name})".encode() in one.stderr
        other = client(server).run("echo in", options=options(name), env=askpass(PASSWORD))
        assert other.returncode == 255 and b"denied (publickey)" in other.stderr


@pytest.mark.expect_logins(0)
def test_another_submethod_is_not_there(password_server, account):
    with transport_to(password_server()) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive("c1+s2ipam1", lambda *asked: [PASSWORD] * len(asked[2]),
                                       submethods="skey")


@pytest.mark.expect_logins(0)
def test_tries_are_counted(password_server, account):
    server = password_server("-P", "--max-auth-tries", "3")
    with transport_to(server) as transport:
        with pytest.raises(paramiko.SSHException):
            for _ in range(3):
                with contextlib.suppress(paramiko.AuthenticationException):
                    transport.auth_password("c1+s2ipam1", "wrong", fallback=False)
                if not transport.is_active():
                    raise paramiko.SSHException("ended")
    assert len(server.log.wait_for("auth_failed", 3)) == 3
    assert server.log.wait_for("too_many_failures")
