"""--banner and --welcome: what people see before and after they are let in."""
import pathlib

import pytest

from harness.client import Client, fresh_source


@pytest.fixture
def texts():
    """Files that only root can write, in a directory of root's alone."""
    folder = pathlib.Path("/etc/ssh2incus-test-texts")
    folder.mkdir(mode=0o755)
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def client_of(server, key, login="c1", options=()):
    return Client(server, key, login, fresh_source(), options)


@pytest.mark.expect_logins(1)
def test_built_in_banner_names_user_instance_and_host(start_server, root_key):
    server = start_server("-b")
    result = client_of(server, root_key, "alice@c1.default").run("echo out")
    lines = result.stderr.decode().replace("\r", "").splitlines()
    assert result.stdout == b"out\n"
    assert [len(line) for line in lines] == [len(lines[0])] * 7, "a box"
    assert "|  ssh2incus  " in lines[1]
    assert lines[3].split() == ["|", "user", "alice", "|"]
    assert lines[4].split() == ["|", "instance", "c1.default", "|"]
    assert lines[5].split()[1] == "host"


@pytest.mark.expect_logins(0)
def test_banner_comes_before_authentication(start_server, keyring):
    server = start_server("-b")
    result = client_of(server, keyring.get("ed25519", name="nobodys"), "c1").run("true")
    assert result.returncode == 255
    assert b"c1.default" in result.stderr.split(b"Permission denied")[0]


@pytest.mark.expect_logins(0)
def test_hostile_names_of_logins_reach_no_terminal(start_server, keyring):
    """Such a login is refused before there is any banner; and its name isn't echoed raw."""
    server = start_server("-b")
    key = keyring.get("ed25519", name="nobodys")
    for login in ("c1\x1b[2J", "\x1b]0;x\x07@c1", "c1.\u202eevil"):
        result = client_of(server, key, login).run("true")
        assert result.returncode == 255
        assert b"\x1b" not in result.stderr and "\u202e".encode() not in result.stderr


@pytest.mark.expect_logins(2)
def test_clients_that_want_no_banner_get_none_and_nothing_else_changes(start_server, root_key):
    server = start_server("-b")
    quiet = client_of(server, root_key, options=["LogLevel=ERROR"]).run("echo out; echo err >&2")
    assert (quiet.stdout, quiet.stderr) == (b"out\n", b"err\n")
    assert client_of(server, root_key).run("echo out").stdout == b"out\n"


@pytest.mark.expect_logins(2)
def test_banner_of_a_file_with_variables_and_again_after_reload(start_server, root_key, texts):
    file = texts / "banner.txt"
    file.write_text("Hello [INSTANCE_USER] of [INSTANCE] in [PROJECT] at [REMOTE] on [HOSTNAME]\n"
                    "[UNKNOWN] 100% [INSTANCE\n")
    server = start_server("--banner", "--banner-file", str(file))
    shown = client_of(server, root_key, "alice@c1").run("true").stderr
    first, second, *rest = shown.decode().replace("\r", "").splitlines()
    assert first.startswith("Hello alice of c1 in default at local on ") and len(first) > 41
    assert second == "[UNKNOWN] 100% [INSTANCE" and not rest
    file.write_text("changed\n")
    server.process.send_signal(1)
    server.log.wait_for("reloaded")
    assert b"changed" in client_of(server, root_key).run("true").stderr


@pytest.mark.expect_logins(1)
def test_works_together_with_the_warning_of_noauth(start_server):
    server = start_server("--noauth", "-b")
    options = ["PreferredAuthentications=none", "PubkeyAuthentication=no"]
    shown = client_of(server, None, options=options).run("true").stderr
    assert shown.index(b"--noauth") < shown.index(b"c1.default")


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("spoil", ["missing", "writable", "long", "nul"])
def test_a_file_that_will_not_do_is_an_error_at_the_start(start_server, texts, spoil):
    file = texts / "welcome.txt"
    if spoil != "missing":
        file.write_bytes({"long": b"x" * 9000, "nul": b"a\0b"}.get(spoil, b"text\n"))
    if spoil == "writable":
        file.chmod(0o666)
    with pytest.raises(AssertionError, match="welcome.txt: "):
        start_server("-w", "--welcome-file", str(file))


@pytest.mark.expect_logins(4)
def test_welcome_is_for_shells_on_a_terminal_alone(start_server, root_key, terminal):
    server = start_server("-w")
    ssh = client_of(server, root_key, "alice@c1")
    session = terminal(ssh.argv())
    session.expect(r"You are alice in instance c1 of project default on \S+\.\r\n\r\n")
    session.expect(r"[#$] ")
    session.type("exit 3\r")
    assert session.wait() == 3
    for result in (ssh.run("echo out"), ssh.run(input=b"echo out\n", options=["-T"])):
        assert (result.stdout, result.stderr) == (b"out\n", b"")
    session = terminal(ssh.argv("echo out", options=["RequestTTY=force"]))
    session.expect("out\r\n")
    assert b"You are" not in session.before
    assert session.wait() == 0
