"""authorized-keys-command: keys from a program of the administrator's, asked after the files."""
import pathlib
import shlex
import tempfile

import pytest

from harness import paths
from harness.client import Client, fresh_source, wait_until
from harness.process import Process
from test_flags import run as run_server


@pytest.fixture
def trusted_folder():
    """A directory in which only root can write, from the root directory on."""
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-", dir="/var/lib") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="command")


@pytest.fixture
def with_command(start_server, users, trusted_folder, key):
    """with_command(script, arguments): a server with it, and s2isys1's client with the key."""
    def start(script, arguments="", login="c1+s2isys1", flags=()):
        users["member"].write_keys("# no key")
        program = trusted_folder / "keys"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        server = start_server("--authorized-keys-command", f"{program} {arguments}",
                              "--authorized-keys-command-user", "nobody", *flags)
        return Client(server, key, login, fresh_source())
    return start


def refused(client, reason):
    result = client.run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr, result.stderr
    client.server.log.wait_for("connection_closed")
    reasons = [event.reason for event in client.server.log.events("authorized_keys")]
    assert any(reason in text for text in reasons), client.server.log.text()


@pytest.mark.expect_logins(1)
def test_key_that_the_command_prints(with_command, key, trusted_folder):
    client = with_command(f"echo '# keys of' $1; echo 'command=\"echo forced\" {key.public}'")
    assert client.output("echo in") == "forced\n"
    event, = client.server.log.events("auth_succeeded")
    assert event.key_from == f"{trusted_folder}/keys:2"


@pytest.mark.expect_logins(1)
def test_tokens(with_command, key, users):
    script = f"""
[ "$1 $2" = "s2isys1 $(id -u s2isys1)" ] && [ "$3" = {users["member"].home} ] || exit 1
[ "$4 $5" = "{' '.join(key.public.split()[:2])}" ] && [ "$6" = "{key.fingerprint} 100%" ] || exit 2
echo "$4 $5"
"""
    assert with_command(script, "%u %U %h %t %k '%f 100%%'").output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_command_is_not_run_when_a_file_has_the_key(with_command, users, key):
    client = with_command("exit 1")
    users["member"].write_keys(key.public)
    assert client.output("echo in") == "in\n"
    assert not client.server.log.events("authorized_keys")


@pytest.mark.expect_logins(1)
def test_command_is_a_user_without_privileges(with_command, key):
    script = f"""
grep -q '^Uid:\t65534\t65534\t65534\t65534$' /proc/self/status || exit 1
grep -q '^CapBnd:\t0000000000000000$' /proc/self/status || exit 2
grep -q '^NoNewPrivs:\t1$' /proc/self/status || exit 3
[ "$(env | cut -d= -f1 | grep -v -e '^_$' -e PWD | sort | tr '\\n' ' ')" = \
'HOME LOGNAME PATH USER ' ] || exit 4
echo {key.public}
"""
    assert with_command(script).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("script, reason", [
    ("echo {key}; exit 7", "it ended with exit code 7"),
    ("echo {key}; kill -SEGV $$", "it was ended by signal 11"),
    ("echo {key}; exec yes", "it printed more than"),
    ("echo no-such-option {key}", "unknown key option"),
    ("echo 'expiry-time=\"20200101\"' {key}", "keys:1: "),
])
def test_command_that_fails_gives_no_key(with_command, key, script, reason):
    refused(with_command(script.format(key=key.public)), reason)


@pytest.mark.expect_logins(0)
def test_command_that_hangs_is_ended_with_its_helpers(with_command, key, trusted_folder):
    pids = trusted_folder / "pids"
    pids.touch()
    pids.chmod(0o666)
    client = with_command(f"sleep 3141 & echo $$ $! >{pids}; echo {key.public}; wait",
                          flags=["--login-grace-time", "5"])
    assert client.run("true").returncode == 255
    client.server.log.wait_for("connection_closed")
    event, = client.server.log.events("authorized_keys")
    assert event.reason.endswith("it took too long")
    for pid in pids.read_text().split():
        wait_until(lambda number=int(pid): not Process(number).alive, 10, f"the end of {pid}")


@pytest.mark.expect_logins(0)
def test_command_is_run_once_for_several_keys_and_for_users_who_do_not_exist(with_command, keyring,
                                                                            trusted_folder):
    calls = trusted_folder / "calls"
    calls.touch()
    calls.chmod(0o666)
    client = with_command(f"echo called $1 >>{calls}", login="c1+s2i-nobody")
    others = [f"IdentityFile={keyring.get('ed25519', name=f'command{n}').path}" for n in (1, 2)]
    result = client.but(options=others).run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr, result.stderr
    assert calls.read_text() == "called s2i-nobody\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("command, user, reason", [
    ("/bin/echo", None, "need each other"),
    (None, "nobody", "need each other"),
    ("/bin/echo", "root", "must not be root"),
    ("/bin/echo", "s2i-nobody", "there is no user"),
    ("echo", "nobody", "not an absolute path"),
    ("/bin/echo %x", "nobody", "no token %x"),
    ("/nonexistent/keys", "nobody", "no such file"),
    ("/tmp", "nobody", "not a regular file"),
])
def test_command_that_can_not_be_used_is_told_at_the_start(command, user, reason, tmp_path):
    arguments = ["-l", "127.0.0.1:0", "--run-dir", tmp_path, "--libexec-dir", paths.BIN]
    arguments += ["--authorized-keys-command", command] if command else []
    arguments += ["--authorized-keys-command-user", user] if user else []
    result = run_server(*map(str, arguments))
    assert result.returncode != 0 and reason in result.stderr, shlex.join(map(str, arguments))


@pytest.mark.expect_logins(0)
def test_program_that_others_can_change_is_not_run(with_command, key, trusted_folder):
    client = with_command(f"echo {key.public}")
    (trusted_folder / "keys").chmod(0o775)
    refused(client, "can be written by others")
    trusted_folder.chmod(0o777)
    (trusted_folder / "keys").chmod(0o755)
    refused(client.but(source=fresh_source()), "can be written by others")
