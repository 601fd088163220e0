"""Keys and certificates that are revoked, by lists of keys and by KRLs of the stock ssh-keygen."""
import os
import signal

import pytest

from harness.authority import make_krl
from harness.client import Client, fresh_source
from test_certificates import (LOGIN, ca, ca_files, client, etc, key,  # noqa: F401
                               shared_server, user, why_refused)
from test_flags import run


@pytest.fixture
def revoked(etc):
    """The list of revoked keys; empty again after the test."""
    path = etc / "revoked"
    yield path
    if path.exists():
        path.unlink()
    path.write_text("# none\n")
    path.chmod(0o644)


@pytest.mark.expect_logins(2)
def test_plain_key_is_revoked_without_a_restart(client, key, user, revoked):
    user.write_keys(key.public)
    assert client(key).output("echo in") == "in\n"
    revoked.write_text(f"# lost\n{key.public}\n")
    assert "revokes the key" in why_refused(client(key))
    revoked.write_text("# found again\n")
    assert client(key).output("echo in") == "in\n"


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("specification, reason", [
    ("serial: 100-200\n", "serial number 150"),
    ("serial: 150\nserial: 152\nserial: 155\n", "serial number 150"),
    ("id: lost one\n", "key id"),
])
def test_certificate_is_revoked_by_krl(client, ca, key, revoked, specification, reason):
    lost = ca.certify(key, serial=150, identity="lost one")
    kept = ca.certify(key, serial=151 if "-" not in specification else 99, identity="kept")
    assert client(lost).output("echo in") == "in\n"
    revoked.unlink()
    make_krl(revoked, ca=ca.key, specification=specification)
    assert reason in why_refused(client(lost))
    assert client(kept).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("what", ["key", "ca", "sha1", "sha256", "certificate", "many"])
def test_key_and_ca_are_revoked_by_krl(client, ca, key, revoked, what):
    certified = ca.certify(key, serial=7)
    revoked.unlink()
    if what == "key":
        make_krl(revoked, f"{key.path}.pub")
    elif what == "ca":
        make_krl(revoked, f"{ca.key.path}.pub")
    elif what == "certificate":
        make_krl(revoked, certified.certificate)
    elif what == "many":
        make_krl(revoked, ca=ca.key, specification="".join(
            f"serial: {number}\n" for number in [7, *range(100, 60_000, 3)]))
    else:
        make_krl(revoked, specification=f"{what}: {key.public}\n")
    assert " revokes the " in why_refused(client(certified))


@pytest.mark.expect_logins(2)
def test_krl_without_this_key(client, ca, key, keyring, user, revoked):
    revoked.unlink()
    make_krl(revoked, f"{keyring.get('ed25519', name='other').path}.pub")
    assert client(ca.certify(key)).output("echo in") == "in\n"
    user.write_keys(key.public)
    assert client(key).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("broken", ["cut", "rubbish", "absent", "writable", "folder"])
def test_broken_list_of_revoked_keys_refuses_every_key(client, ca, key, user, revoked, broken):
    user.write_keys(key.public)
    if broken == "cut":
        revoked.unlink()
        make_krl(revoked, f"{ca.key.path}.pub")
        revoked.write_bytes(revoked.read_bytes()[:-1])
    elif broken == "rubbish":
        revoked.write_text("rubbish\n")
    elif broken == "writable":
        revoked.chmod(0o666)
    else:
        revoked.unlink()
    if broken == "folder":
        revoked.mkdir()
    try:
        assert "every key is refused" in why_refused(client(key))
        assert "every key is refused" in why_refused(client(ca.certify(key)))
    finally:
        if broken == "folder":
            revoked.rmdir()


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("flag, content, reason", [
    ("--revoked-keys", "rubbish\n", "line 1"),
    ("--revoked-keys", "SSHKRL\n\0", "header"),
    ("--revoked-keys", None, "no such file"),
    ("--trusted-user-ca-keys", "rubbish\n", "line 1"),
    ("--trusted-user-ca-keys", "# none\n", "no keys"),
    ("--trusted-user-ca-keys", None, "no such file"),
])
def test_broken_file_is_an_error_at_start(etc, flag, content, reason, keyring, incus):
    path = etc / "broken"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    result = run("-l", "127.0.0.1:0", "--host-key", str(keyring.get("ed25519", name="host").path),
                 flag, str(path))
    assert result.returncode == 1
    assert str(path) in result.stderr and reason in result.stderr, result.stderr


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("arguments", [
    ["--revoked-keys", "relative"], ["--trusted-user-ca-keys", "relative"],
    ["--authorized-principals-file", "/etc/%x"], ["--authorized-principals-file", "/etc/x%"],
])
def test_wrong_value_of_a_flag(arguments):
    result = run("-l", "127.0.0.1:0", *arguments)
    assert result.returncode == 2 and arguments[0] in result.stderr


@pytest.mark.expect_logins(0)
def test_broken_file_is_reported_at_reload(server, revoked):
    revoked.write_text("rubbish\n")
    os.kill(server.process.pid, signal.SIGHUP)
    event, = server.log.wait_for("reload_failed")
    assert str(revoked) in event.reason


@pytest.mark.expect_logins(1)
def test_revoked_key_is_refused_whatever_a_command_says(start_server, user, key, etc, ca_files,
                                                        revoked):
    program = etc / "command"
    program.write_text(f"#!/bin/sh\necho '{key.public}'\n")
    program.chmod(0o755)
    server = start_server(*ca_files, "--authorized-keys-command", str(program),
                          "--authorized-keys-command-user", "nobody")

    def client():
        return Client(server, key, LOGIN, fresh_source())
    assert client().output("echo in") == "in\n"
    revoked.write_text(key.public + "\n")
    assert "revokes the key" in why_refused(client())
    revoked.write_text("rubbish\n")
    assert "every key is refused" in why_refused(client())
