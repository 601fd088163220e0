"""Real modules of Linux-PAM and OATH, and modules that misbehave, behind logins of every kind."""
import subprocess
import time

import paramiko
import pytest

from harness.client import Client, fresh_source
from harness.pam import build_module, usermod
from test_password import (PASSWORD, account, client, password_server, service,  # noqa: F401
                           shell_output, transport_to)

LOGIN = "c1+s2ipam1"
UNIX = "required pam_unix.so"
SECRET = "3132333435363738393031323334353637383930"


def code_at(moment):
    """The six digits of that time."""
    return subprocess.run(["oathtool", "--totp", "-d", "6", "--now",
                           time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)), SECRET],
                          check=True, capture_output=True, text=True).stdout.strip()


def wrong_code():
    near = {code_at(time.time() + 30 * step) for step in range(-6, 7)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555",
                                  "666666", "777777", "888888", "999999", "121212", "343434",
                                  "565656", "787878") if code not in near)


@pytest.fixture
def one_time_codes(service, open_folder):  # noqa: F811
    """A password and a code: two rounds."""
    users = open_folder / "users.oath"
    users.write_text(f"HOTP/T30/6 s2ipam1 - {SECRET}\n")
    users.chmod(0o600)
    service.write(f"{UNIX}\nrequired pam_oath.so usersfile={users} window=2 digits=6")


def answers(*texts):
    """A handler that answers round after round."""
    left = list(texts)
    return lambda title, instructions, asked: [left.pop(0) for _ in asked]


def refused(server, *texts, user="s2ipam1"):
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive(f"c1+{user}", answers(*texts))


@pytest.mark.expect_logins(2)
def test_time_based_codes(password_server, account, one_time_codes):  # noqa: F811
    server = password_server()
    refused(server, PASSWORD, wrong_code())
    refused(server, PASSWORD, code_at(time.time() - 600))
    refused(server, PASSWORD, code_at(time.time() + 600))
    refused(server, PASSWORD, code_at(time.time()), user="s2i-nobody")
    late = code_at(time.time() - 30)
    with transport_to(server) as transport:
        transport.auth_interactive(LOGIN, answers(PASSWORD, late))
        assert shell_output(transport, "echo in") == b"in\n"
    refused(server, PASSWORD, late)  # used
    with transport_to(server) as transport:
        transport.auth_interactive(LOGIN, answers(PASSWORD, code_at(time.time())))
        assert shell_output(transport, "echo in") == b"in\n"
    refused(server, "wrong", code_at(time.time() + 30))


@pytest.mark.expect_logins(1)
def test_code_after_a_key(password_server, account, one_time_codes, service, keyring,  # noqa: F811
                          open_folder, terminal):
    """What an administrator of an internet-facing host wants: a key, then a code."""
    service.write(f"required pam_oath.so usersfile={open_folder}/users.oath window=2 digits=6")
    key = keyring.get("ed25519", name="chain")
    account.write_keys(key.public)
    server = password_server("--auth-methods", "publickey,keyboard-interactive:pam")
    argv = client(server, key=key).argv("echo", "i''n", options=[
        "BatchMode=no", "PreferredAuthentications=publickey,keyboard-interactive"])
    screen = terminal(argv)
    screen.expect("One-time password.*: ")
    screen.type(code_at(time.time()) + "\n")
    screen.expect("in\r\n")
    assert screen.wait() == 0


@pytest.mark.expect_logins(2)
def test_faillock(password_server, account, service, open_folder):  # noqa: F811
    tallies = f"dir={open_folder} deny=3 unlock_time=600"
    service.write(f"required pam_faillock.so preauth {tallies}\nsufficient pam_unix.so\n"
                  f"[default=die] pam_faillock.so authfail {tallies}",
                  f"required pam_faillock.so {tallies}\n{UNIX}")
    server = password_server()
    with transport_to(server) as transport:
        transport.auth_password(LOGIN, PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
    for _ in range(3):
        refused(server, "wrong")
    texts = []

    def answer(title, instructions, asked):
        texts.append(instructions)
        return [PASSWORD] * len(asked)
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive(LOGIN, answer)
    assert texts == [""], "that the account is locked is nobody's business"
    subprocess.run(["faillock", "--dir", open_folder, "--user", "s2ipam1", "--reset"], check=True)
    with transport_to(server) as transport:
        transport.auth_interactive(LOGIN, answers(PASSWORD))
        assert shell_output(transport, "echo in") == b"in\n"


@pytest.fixture
def by_key(account, keyring):  # noqa: F811
    """by_key(server): runs a command with a key, without a password."""
    key = keyring.get("ed25519", name="member")
    account.write_keys(key.public)
    return lambda server: Client(server, key, LOGIN, fresh_source()).run("echo in")


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("flags", [["-P", "--auth-methods=any"], ["--debug"]])
def test_faillock_in_the_account_stack_of_a_key_login(password_server, service, by_key,  # noqa: F811
                                                      open_folder, flags):
    service.write(UNIX, f"required pam_faillock.so dir={open_folder}\n{UNIX}")
    server = password_server(*flags)
    for _ in range(2):
        result = by_key(server)
        assert result.stdout == b"in\n", result.stderr


@pytest.mark.expect_logins(2)
def test_nologin(password_server, account, service, by_key, open_folder):  # noqa: F811
    closed = open_folder / "nologin"
    service.write(UNIX, f"required pam_nologin.so file={closed}\n{UNIX}")
    server = password_server()
    closed.write_text("Closed\x1b[31m for the night.\n")
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password(LOGIN, PASSWORD, fallback=False)
        assert b"Closed\\x1b[31m for the night." in transport.get_banner()
    result = by_key(server)
    assert result.returncode == 255 and b"for the night." in result.stderr
    closed.unlink()
    with transport_to(server) as transport:
        transport.auth_password(LOGIN, PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
    assert by_key(server).stdout == b"in\n"


@pytest.mark.expect_logins(2)
def test_access(password_server, account, service, by_key, open_folder):  # noqa: F811
    rules = open_folder / "access.conf"
    service.write(UNIX, f"required pam_access.so accessfile={rules}\n{UNIX}")
    server = password_server()
    rules.write_text("-:s2ipam1:127.0.0.0/8\n+:ALL:ALL\n")
    refused(server, PASSWORD)
    assert by_key(server).returncode == 255
    rules.write_text("-:s2ipam1:192.0.2.0/24\n+:ALL:ALL\n")
    with transport_to(server) as transport:
        transport.auth_interactive(LOGIN, answers(PASSWORD))
        assert shell_output(transport, "echo in") == b"in\n"
    assert by_key(server).stdout == b"in\n"


@pytest.mark.expect_logins(1)
def test_expired_and_locked_accounts(password_server, account, by_key):  # noqa: F811
    server = password_server()
    usermod("-e", "2001-01-01", account.name)
    refused(server, PASSWORD)
    assert by_key(server).returncode == 255
    usermod("-e", "", account.name)
    usermod("-L", account.name)
    refused(server, PASSWORD)
    # As with OpenSSH and UsePAM: a locked password doesn't lock keys.
    assert by_key(server).stdout == b"in\n"


@pytest.fixture
def module(service, open_folder):  # noqa: F811
    built = build_module(open_folder)
    return lambda what: service.write(f"required {built} {what}")


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("what", ["crash", "refused-call", "questions"])
def test_module_that_misbehaves_costs_its_login_only(password_server, account, module,  # noqa: F811
                                                     service, what):
    server = password_server()
    with transport_to(server) as transport:
        module(what)
        asked = []

        def answer(title, instructions, prompts):
            asked.extend(prompts)
            return ["x"] * len(prompts)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive(LOGIN, answer)
        assert len(asked) == (32 if what == "questions" else 0)
        service.write(UNIX, UNIX)
        transport.auth_password(LOGIN, PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_module_that_hangs_ends_with_the_grace_time(password_server, account, module,  # noqa: F811
                                                    service):
    server = password_server("-P", "--login-grace-time", "4")
    module("hang")
    with transport_to(server) as transport:
        with pytest.raises(paramiko.SSHException):
            transport.auth_password(LOGIN, PASSWORD, fallback=False)
        service.write(UNIX, UNIX)
        assert server.log.wait_for("grace_time_exceeded", timeout=60)
    with transport_to(server) as transport:
        transport.auth_password(LOGIN, PASSWORD, fallback=False)
        assert shell_output(transport, "echo in") == b"in\n"
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_control_characters_of_a_prompt_are_shown_not_obeyed(password_server, account,  # noqa: F811
                                                             module):
    module("colours")
    prompts = []

    def answer(title, instructions, asked):
        prompts.extend(asked)
        return ["42"] * len(asked)
    server = password_server()
    with transport_to(server) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_interactive(LOGIN, lambda *asked: ["41"] * len(asked[2]))
        transport.auth_interactive(LOGIN, answer)
        assert shell_output(transport, "echo in") == b"in\n"
    assert prompts == [("\\x1b[2J\\x1b]0;title\\x07code: ", True)]


@pytest.mark.expect_logins(0)
def test_clients_that_leave_a_conversation(password_server, account):  # noqa: F811
    """Going away ends it; so does another request, after which right answers are worth nothing."""
    server = password_server()

    def leave(title, instructions, asked):
        transport.close()
        return []
    with transport_to(server) as transport:
        with pytest.raises(paramiko.SSHException):
            transport.auth_interactive(LOGIN, leave)
    server.wait_idle(30)

    def change_of_mind(title, instructions, asked):
        request = paramiko.Message()
        request.add_byte(b"\x32")  # SSH_MSG_USERAUTH_REQUEST
        for text in (LOGIN, "ssh-connection", "password"):
            request.add_string(text)
        request.add_boolean(False)
        request.add_string("wrong")
        transport._send_message(request)
        return [PASSWORD]
    with transport_to(server) as transport:
        with pytest.raises(paramiko.SSHException):
            transport.auth_interactive(LOGIN, change_of_mind)
    server.wait_idle(30)
    failure, = server.log.events("auth_failed")
    assert failure.method == "password"
