"""Host users of a real LDAP directory: NSS and PAM by nslcd, passwords by nslcd and sssd, keys by
authorized-keys-command."""
import pathlib
import signal
import tempfile

import pytest

from harness.client import Client, end, fresh_source
from harness.directory import LIBRARIES, SUFFIX, Directory
from test_password import askpass, options  # noqa: F401 (a fixture)

PASSWORD = "directory-Horse-6staple"

BY_LDAPSEARCH = """#!/bin/sh
set -e
export LD_LIBRARY_PATH={libraries}
found=$(timeout 5 {root}/usr/bin/ldapsearch -x -LLL -o ldif-wrap=no -H {uri} -b {suffix} \
"(uid=$1)" sshPublicKey)
echo "$found" | sed -n 's/^sshPublicKey: //p'
"""

BY_SSSD = """#!/bin/sh
export LD_LIBRARY_PATH={libraries}:{libraries}/sssd
exec {root}/usr/bin/sss_ssh_authorizedkeys "$1"
"""


@pytest.fixture(scope="module")
def key(keyring):
    return keyring.get("ed25519", name="ldap")


@pytest.fixture(scope="module")
def directory(key):
    made = Directory()
    try:
        made.add_group("s2i-ldap-admins", 54400, "s2ildap", "s2ilocked")
        for number, name in enumerate(("s2ildap", "s2ilocked", "s2iother"), 54401):
            made.add_group(name, number)
            made.add_user(name, number, "no-pty " + key.public, password=PASSWORD,
                          extra="description: locked\n" if name == "s2ilocked" else "")
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def programs(directory):
    """Those that ask for a user's keys. In a folder where only root can write."""
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-", dir="/var/lib") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        for name, text in (("ldapsearch", BY_LDAPSEARCH), ("sssd", BY_SSSD)):
            (folder / name).write_text(text.format(
                libraries=directory.root / LIBRARIES, root=directory.root, uri=directory.uri,
                suffix=SUFFIX))
            (folder / name).chmod(0o755)
        yield folder


@pytest.fixture
def start_with(start_server, directory, programs):
    """start_with(name): a server that sees the directory's users and asks that program for keys."""
    def start(name, *flags, **settings):
        server = directory.server(
            start_server.keyring, start_server.folder / "ldap", start_server.incus,
            "-g", "s2i-ldap-admins", "--authorized-keys-command", f"{programs / name} %u",
            "--authorized-keys-command-user", "nobody", *flags, **settings)
        start_server.running.append(server)  # ends with the others
        return server.start()
    return start


@pytest.fixture
def ldap_server(start_with):
    return start_with("ldapsearch")


@pytest.mark.expect_logins(2)
def test_user_of_the_directory_logs_in_with_a_key_from_it(ldap_server, programs, key):
    client = Client(ldap_server, key, "c1+s2ildap", fresh_source())
    assert client.output("echo in") == "in\n"
    event, = ldap_server.log.events("auth_succeeded")
    assert event.host_user == "s2ildap" and event.key_from == f"{programs}/ldapsearch:1"
    # The options of the key's line count.
    assert b"PTY allocation request failed" in client.run("true", options=["-tt"]).stderr


@pytest.mark.expect_logins(1)
def test_key_from_sssd(start_with, directory, key):
    directory.start_sssd("s2ildap")
    client = Client(start_with("sssd"), key, "c1+s2ildap", fresh_source())
    assert client.output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("user, reason", [
    ("s2iother", "group"), ("s2ilocked", "account: PAM: "), ("s2iabsent", "no such user")])
def test_user_whom_groups_or_pam_refuse(ldap_server, key, user, reason):
    result = Client(ldap_server, key, f"c1+{user}", fresh_source()).run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr
    assert reason in ldap_server.log.wait_for("auth_failed")[-1].reason


METHODS = ("password", "keyboard-interactive")


def log_in(server, env, user="s2ildap", method="password"):
    return Client(server, None, f"c1+{user}", fresh_source()).run(
        "echo in", options=options(method), env=env)


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("module", ["pam_ldap.so minimum_uid=1000", "pam_sss.so"])
def test_password_from_the_directory(start_with, directory, askpass, module):  # noqa: F811
    if module == "pam_sss.so":
        directory.start_sssd("s2ildap")
    server = start_with("ldapsearch", "-P", "--password-failure-time", "50", auth=module)
    for method in METHODS:
        for wrong in (PASSWORD + "x", PASSWORD[:-1]):
            result = log_in(server, askpass(wrong), method=method)
            assert result.returncode == 255 and b"Permission denied" in result.stderr
            assert server.log.events("auth_failed")[-1].reason.startswith("PAM: ")
        result = log_in(server, askpass(PASSWORD), method=method)
        assert result.stdout == b"in\n", result.stderr
        event = server.log.events("auth_succeeded")[-1]
        assert (event.host_user, event.method) == ("s2ildap", method)


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("user, reason", [
    ("s2iother", "group"), ("s2ilocked", "PAM: "), ("s2iabsent", "no such user")])
def test_password_of_whom_groups_or_pam_refuse(start_with, askpass, user, reason):  # noqa: F811
    server = start_with("ldapsearch", "-P", "--password-failure-time", "50")
    for method in METHODS:
        result = log_in(server, askpass(PASSWORD), user, method)
        assert result.returncode == 255 and b"Permission denied" in result.stderr
        assert reason in server.log.wait_for("auth_failed")[-1].reason


@pytest.mark.expect_logins(0)
def test_no_password_counts_while_the_directory_is_down(start_with, directory,  # noqa: F811
                                                        askpass):
    server = start_with("ldapsearch", "-P", "--password-failure-time", "50")
    end(directory.slapd)
    try:
        for password in (PASSWORD, ""):
            result = log_in(server, askpass(password))
            assert result.returncode == 255 and b"Permission denied" in result.stderr
    finally:
        directory.start_slapd()


@pytest.mark.expect_logins(2)
def test_root_logs_in_by_local_keys_while_the_directory_is_down(ldap_server, directory, key,
                                                              root_key):
    stopped = []
    try:
        end(directory.slapd)
        stopped.append(directory.start_slapd)
        result = Client(ldap_server, key, "c1+s2ildap", fresh_source()).run("true")
        assert result.returncode == 255
        event = ldap_server.log.wait_for("auth_failed")[-1]
        assert "a user database may be down" in event.reason
        assert "ended with exit code" in ldap_server.log.events("authorized_keys")[-1].reason
        assert Client(ldap_server, root_key, "c1").output("echo in") == "in\n"
        end(directory.nslcd)
        stopped.append(directory.start_nslcd)
        assert Client(ldap_server, root_key, "c1").output("echo in") == "in\n"
    finally:
        for start in stopped:
            start()


@pytest.mark.expect_logins(1)
def test_root_logs_in_while_the_directory_hangs(ldap_server, directory, root_key):
    directory.slapd.send_signal(signal.SIGSTOP)
    try:
        # Root's groups are asked for; nslcd's limits count, and the client's patience is longer.
        assert Client(ldap_server, root_key, "c1").output("echo in", timeout=90) == "in\n"
    finally:
        directory.slapd.send_signal(signal.SIGCONT)
