"""--inauth: keys that the instance's own users have authorised. The instances are this module's."""
import pwd
import shlex
import subprocess

import pytest

from harness.client import Client, fresh_source, wait_until
from harness.process import Process
from test_authorized_keys import refused

ANA = """
echo 'ana:x:1005:1005::/home/ana:/bin/sh' >>/etc/passwd
echo 'ana:x:1005:' >>/etc/group
echo 'ana:*:19000:0:99999:7:::' >>/etc/shadow
mkdir -p /home/ana && chown 1005:1005 /home/ana
"""


class Inside:
    """The key files of ana, in an instance."""

    def __init__(self, incus, name="ia1"):
        self.incus, self.name = incus, name

    def __call__(self, script):
        return self.incus.shell(self.name, script)

    def write(self, *lines, file="authorized_keys"):
        text = shlex.quote("".join(line + "\n" for line in lines))
        self(f"rm -rf /home/ana/.ssh; chown 1005:1005 /home/ana; chmod 755 /home/ana"
             f"; mkdir -m 700 /home/ana/.ssh && cd /home/ana/.ssh && printf %s {text} >{file}"
             f"; chmod 600 {file}; chown -R 1005:1005 /home/ana/.ssh")


@pytest.fixture(scope="module")
def instances(incus):
    names = ("ia1", "ia2")
    for name in names:
        incus("delete", "-f", name, check=False)
        incus.ensure(name)
        incus.shell(name, ANA)
    yield incus
    for name in names:
        incus("delete", "-f", name, check=False)


@pytest.fixture(scope="module")
def module_server(keyring, instances, system_users, tmp_path_factory):
    from conftest import Starter
    folder = tmp_path_factory.mktemp("inauth")
    starter = Starter(keyring, folder, instances)
    yield starter("--inauth")
    starter.stop()


@pytest.fixture
def server(module_server):
    module_server.log.mark()
    yield module_server
    assert module_server.running, module_server.log.text()[-3000:]


@pytest.fixture
def inside(instances):
    return Inside(instances)


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="inside")


@pytest.fixture
def ana(server, key):
    return Client(server, key, "ana@ia1", fresh_source())


@pytest.mark.expect_logins(1)
def test_key_of_the_instance_user(ana, inside, key):
    inside.write("# mine", key.public)
    assert ana.output("id -un; cat /etc/hostname || hostname") .startswith("ana\n")
    success, = ana.server.log.events("auth_succeeded")
    assert (success.method, success.authenticated_by) == ("publickey", "instance")
    assert success.key_from == "/home/ana/.ssh/authorized_keys:2"
    assert success.host_user is None, "no host user has proven anything"
    assert success.target == "ana@ia1.default"


@pytest.mark.expect_logins(2)
def test_second_file_and_root(server, inside, key):
    inside.write(key.public, file="authorized_keys2")
    assert Client(server, key, "ana@ia1", fresh_source()).output("echo in") == "in\n"
    inside(f"mkdir -p /root/.ssh; echo {shlex.quote(key.public)} >/root/.ssh/authorized_keys")
    assert Client(server, key, "ia1", fresh_source()).output("id -u") == "0\n"
    inside("rm -r /root/.ssh")


@pytest.mark.expect_logins(1)
def test_the_host_users_keys_come_first(server, inside, key, users):
    inside.write("no-pty " + key.public)
    users["member"].write_keys(key.public)
    client = Client(server, key, "ana@ia1+s2isys1", fresh_source())
    assert client.output("id -un") == "ana\n"
    success, = server.log.events("auth_succeeded")
    assert success.host_user == "s2isys1" and success.authenticated_by is None


@pytest.mark.expect_logins(3)
def test_neither_account_nor_groups_of_the_host_count(server, inside, key, users):
    """The host user's part of the login isn't proven, so it gives and takes nothing."""
    inside.write(key.public)
    users["stranger"].write_keys(key.public)  # would be refused: in none of the groups
    for user in ("s2isys2", "s2isys4", "nobody-has-this"):
        client = Client(server, key, f"ana@ia1+{user}", fresh_source())
        assert client.output("id -un") == "ana\n"
    assert all(event.host_user is None for event in server.log.events("auth_succeeded"))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("login", ["ia1", "nobody@ia1", "nouser@ia1", "ana@ia2", "ana@ia1.p1",
                                   "ana@missing", "ana@ia1.missing"])
def test_no_other_user_instance_or_project(server, inside, key, login):
    inside.write(key.public)
    refused(Client(server, key, login, fresh_source()))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("login", ["%shell", "+ana@ia1", "~ana@ia1", "+ia1", "other:ana@ia1"])
def test_commands_creation_and_remotes_are_for_host_users(server, inside, key, login):
    inside.write(key.public)
    refused(Client(server, key, login, fresh_source()))
    assert not server.log.events("instance_keys"), "nobody asked the instance"


@pytest.mark.expect_logins(0)
def test_nobody_asks_instances_without_the_flag(shared_server, inside, key):
    shared_server.log.mark()
    inside.write(key.public)
    refused(Client(shared_server, key, "ana@ia1", fresh_source()))


FAULTS = {
    "file of another user": ("chown 1006 authorized_keys", "belongs to uid 1006"),
    "file writable by group": ("chmod 620 authorized_keys", "can be written"),
    "file writable by others": ("chmod 602 authorized_keys", "can be written"),
    "folder writable": ("chmod 770 .", "can be written"),
    "folder of another user": ("chown 1006 .", "belongs to uid 1006"),
    "home writable": ("chmod 777 ..", "can be written"),
    "home of another user": ("chown 1006 ..", "belongs to uid 1006"),
    "symbolic link": ("mv authorized_keys a; ln -s a authorized_keys", "no regular file"),
    "folder is a link": ("cd ..; mv .ssh ssh; ln -s ssh .ssh", "no directory"),
    "directory": ("rm authorized_keys; mkdir authorized_keys", "no regular file"),
    "huge": ("head -c 1100000 /dev/zero | tr '\\0' '\\n' >>authorized_keys", "too large"),
    "sparse": ("dd if=/dev/zero of=authorized_keys bs=1 count=1 seek=1000000000000 conv=notrunc",
               "too large"),
}


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_others_could_have_written(ana, inside, key, fault):
    script, reason = FAULTS[fault]
    inside.write(key.public)
    try:
        inside("cd /home/ana/.ssh && " + script)
        shown = refused(ana)
        assert reason in shown and "event=instance_keys" in shown, shown
    finally:
        inside("rm -rf /home/ana/ssh")


@pytest.mark.expect_logins(1)
def test_files_of_the_instances_root_are_fine(ana, inside, key):
    inside.write(key.public)
    inside("chown -R 0 /home/ana/.ssh /home/ana")
    assert ana.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_a_fifo_is_never_read(ana, inside, key):
    """Reading it would wait for ever; the second file still counts."""
    inside.write(key.public, file="authorized_keys2")
    inside("mkfifo -m 600 /home/ana/.ssh/authorized_keys; chown 1005 /home/ana/.ssh/*")
    assert ana.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_hostile_lines_are_skipped(ana, inside, key):
    inside.write("\x01\x02", "ssh-ed25519 AAAA", "x" * 20000, 'command="', "\x1b[31m",
                 f"cert-authority {key.public}", key.public)
    assert ana.output("echo in") == "in\n"
    assert "\x1b" not in ana.server.log.text()


@pytest.mark.expect_logins(2)
def test_options_of_the_line_count(server, inside, key):
    client = Client(server, key, "ana@ia1", fresh_source())
    inside.write('command="echo forced: $SSH_ORIGINAL_COMMAND",no-pty ' + key.public)
    assert client.output("id") == "forced: id\n"
    assert b"PTY allocation request failed" in client.run("id", options=["-tt"]).stderr


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("options", ['from="10.0.0.0/8"', 'expiry-time="20200101"', "no-such-option",
                                     "cert-authority"])
def test_options_that_forbid_the_login(ana, inside, key, options):
    inside.write(f"{options} {key.public}")
    refused(ana, ["event=instance_keys"])


@pytest.mark.expect_logins(1)
def test_another_key_of_the_client_may_be_the_hosts(server, inside, key, root_key):
    """The gateway that was asked about the first key goes on with the login by the second."""
    inside.write("# nothing")
    client = Client(server, key, "ia1", fresh_source(), [f"IdentityFile={root_key.path}"])
    assert client.output("id -u") == "0\n"
    success, = server.log.events("auth_succeeded")
    assert (success.host_user, success.authenticated_by) == ("root", None)


@pytest.mark.expect_logins(0)
def test_an_expired_account_of_the_instance(ana, inside, key):
    inside.write(key.public)
    inside("cp /etc/shadow /etc/shadow.kept; sed -i 's/^ana:.*/ana:*:19000:0:99999:7::10000:/' "
           "/etc/shadow")
    try:
        refused(ana, ["the account has expired"])
    finally:
        inside("mv /etc/shadow.kept /etc/shadow")


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("script, reason", [
    ("chmod 666 /etc/passwd", "can be written"),
    ("chown 1005 /etc/passwd", "belongs to uid 1005"),
    ("rm /etc/passwd", "no /etc/passwd"),
    ("rm /etc/passwd; ln -s passwd.kept /etc/passwd", "no regular file"),
    ("sed -i 's/^ana:.*/ana:x:-1:5::\\/:\\/bin\\/sh/' /etc/passwd", "no such user"),
])
def test_account_files_that_cannot_be_believed(ana, inside, key, script, reason):
    inside.write(key.public)
    inside("cp -p /etc/passwd /etc/passwd.kept")
    try:
        inside(script)
        assert reason in refused(ana)
    finally:
        inside("rm -f /etc/passwd; mv /etc/passwd.kept /etc/passwd; chown 0 /etc/passwd"
               "; chmod 644 /etc/passwd")


@pytest.mark.expect_logins(1)
def test_a_stopped_instance_is_started_only_after_the_proof(server, instances, key, keyring):
    inside = Inside(instances, "ia2")
    inside.write(key.public)
    instances("stop", "-f", "ia2")
    try:
        stranger = keyring.get("ed25519", name="stranger")
        refused(Client(server, stranger, "ana@ia2", fresh_source()))
        assert instances.state("ia2") == "Stopped", "nobody had proven anything"
        assert Client(server, key, "ana@ia2", fresh_source()).output("id -un") == "ana\n"
    finally:
        instances.ensure("ia2")


@pytest.mark.expect_logins(1)
def test_a_frozen_instance_says_so_after_the_proof(server, instances, key, keyring):
    Inside(instances, "ia2").write(key.public)
    instances("pause", "ia2")
    try:
        stranger = keyring.get("ed25519", name="stranger")
        result = Client(server, stranger, "ana@ia2", fresh_source()).run("true")
        assert b"frozen" not in result.stderr and b"Permission denied" in result.stderr
        result = Client(server, key, "ana@ia2", fresh_source()).run("true")
        assert result.returncode == 255 and b"frozen" in result.stderr
    finally:
        instances.ensure("ia2")


@pytest.mark.expect_logins(0)
def test_wrong_instance_user_and_key_look_the_same(server, inside, key, keyring):
    inside.write(key.public)
    stranger = keyring.get("ed25519", name="stranger")
    said = {Client(server, stranger, login, fresh_source()).run("true").stderr.replace(
        login.encode(), b"LOGIN") for login in ("ana@ia1", "nouser@ia1", "ana@missing")}
    assert len(said) == 1, said


@pytest.mark.expect_logins(1)
def test_walls_of_the_gateway_before_the_login(server, inside, keyring, open_folder):
    """It waits while the client asks for the key's passphrase: the key was accepted, not proven."""
    locked = keyring.get("ed25519", name="locked")
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", locked.path],
                   check=True, capture_output=True)
    inside.write(locked.public)
    go, askpass = open_folder / "go", open_folder / "askpass"
    askpass.write_text(f"#!/bin/sh\nwhile [ ! -e {go} ]; do sleep 0.05; done; echo secret\n")
    askpass.chmod(0o755)
    process = Client(server, locked, "ana@ia1", fresh_source()).start(
        "id -un", options=["BatchMode=no"],
        env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"})
    try:
        gateway, = wait_until(lambda: server.named("ssh2incus-gateway"), 15)
        inherited = int(Process(server.pid).status()["Seccomp_filters"]) + 1
        wait_until(lambda: int(gateway.status()["Seccomp_filters"]) > inherited, 5)
        user = pwd.getpwnam("ssh2incus-gateway")
        assert gateway.status()["Uid"].split() == [str(user.pw_uid)] * 4
        assert all(not numbers for numbers in gateway.capabilities().values())
        assert gateway.limits()["Max address space"] == ("536870912", "536870912")
        assert gateway.limits()["Max cpu time"] == ("30", "3600")
        assert not server.log.events("auth_succeeded")
    finally:
        go.touch()
    output, errors = process.communicate(timeout=30)
    assert output == b"ana\n", errors
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_no_process_is_left(server, inside, key, ana, keyring):
    inside.write(key.public)
    refused(Client(server, keyring.get("ed25519", name="stranger"), "ana@ia1", fresh_source()))
    server.wait_idle()
    assert ana.output("echo in") == "in\n"
    server.wait_idle()
