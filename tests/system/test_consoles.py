"""Logins that are a command instead of an instance: %list, %explain, %rm, %sessions."""
import re
import subprocess

import paramiko
import pytest

from harness.client import Client, end, environment, fresh_source, wait_until
from test_access import client, fingerprint, keys, rule  # noqa: F401 (a fixture)


def rows(text):
    """The lines of a table, split at its columns, without the heading."""
    return [re.split(r"  +", line.strip()) for line in text.splitlines()[1:]]


@pytest.fixture
def doomed(incus):
    """Makes instances to be deleted; takes away what is left of them."""
    made = []

    def make(name, state="Running", *config):
        incus.ensure(name, state)
        for setting in config:
            incus("config", "set", name, setting)
        made.append(name)
        return name
    yield make
    for name in made:
        if incus.state(name):
            incus("config", "set", name, "security.protection.delete=false")
            incus("delete", "-f", name)


@pytest.mark.expect_logins(1)
def test_list_shows_instances_with_state_and_type(ssh, incus):
    found = {row[0]: row[1:] for row in rows(ssh.output(login="%list"))}
    assert found["c1"][:2] == ["Running", "container"]
    assert found["c2"][:2] == ["Stopped", "container"]
    assert found["c3"][:2] == ["Frozen", "container"]
    assert found["c1.p1"][:2] == ["Running", "container"]


@pytest.mark.expect_logins(1)
def test_list_on_a_terminal(ssh, terminal):
    shown = terminal(ssh.argv(login="%list"))
    shown.expect(r"LOGIN +STATE +TYPE +ADDRESSES\r\n")
    shown.expect(r"c1 +Running +container *\r\n")
    assert shown.wait() == 0


@pytest.mark.expect_logins(2)
def test_list_is_of_what_one_may_enter(start_server, access, keys, incus):  # noqa: F811
    first, second = keys
    server = start_server("--access", access.write(
        rule("no-c3", deny="all", instances="c3"),
        rule("p1", allow=["shell"], projects="p1"),
        rule("second", allow=["sftp"], instances="c*", keys=fingerprint(second))))
    listed = {row[0] for row in rows(client(server, first, "%list+s2isys1").output())}
    assert listed == {"c1.p1"}
    listed = {row[0] for row in rows(client(server, second, "%list+s2isys1").output())}
    assert {"c1", "c2", "c1.p1"} <= listed and "c3" not in listed


@pytest.mark.expect_logins(1)
def test_list_by_labels(start_server, access, keys, incus):  # noqa: F811
    incus("config", "set", "c1", "user.team=blue")
    try:
        server = start_server("--access", access.write(
            rule("blue", allow=["shell"], labels={"team": "blue"})))
        listed = {row[0] for row in rows(client(server, keys[0], "%list+s2isys1").output())}
    finally:
        incus("config", "unset", "c1", "user.team")
    assert listed == {"c1"}


@pytest.mark.expect_logins(3)
def test_what_consoles_dont_take(ssh):
    for login in ("%list", "%explain/c1", "%rm/c2"):
        result = ssh.run("rm -rf /", login=login)
        assert (result.returncode, result.stdout) == (2, b""), login
        assert result.stderr == b"ssh2incus: this takes no command\n"


@pytest.mark.expect_logins(1)
def test_consoles_have_no_files_and_no_forwarding(ssh):
    with ssh.master(login="%list") as (through, _):
        assert through.run("-s", "sftp").returncode != 0
        result = through.run(options=["-W", "localhost:22"])
        assert result.returncode != 0
        assert through.run().returncode == 0


@pytest.mark.expect_logins(0)
def test_unknown_commands_are_told(ssh):
    result = ssh.run(login="%nothing")
    assert result.returncode == 255
    assert b"unknown command" in result.stderr and b"%list" in result.stderr


@pytest.mark.expect_logins(1)
def test_a_key_for_one_command_lists_nothing(server, users, keyring):
    key = keyring.get("ed25519", name="onecommand")
    users["member"].write_keys(f'command="id" {key.public}')
    result = Client(server, key, "%list+s2isys1", fresh_source()).run()
    assert result.returncode == 255
    assert b"one command only" in result.stderr and result.stdout == b""


@pytest.mark.expect_logins(4)
def test_other_clients(ssh, tmp_path):
    converted = tmp_path / "key"
    subprocess.run(["dropbearconvert", "openssh", "dropbear", ssh.key.path, converted],
                   check=True, capture_output=True)

    def dbclient(login, *command):
        return subprocess.run(["dbclient", "-y", "-y", "-i", converted, "-p",
                               str(ssh.server.port), "-l", login, ssh.server.address, *command],
                              input=b"", capture_output=True, timeout=60,
                              env=environment({"HOME": str(tmp_path)}))
    assert b"c1" in dbclient("%list", "").stdout
    assert dbclient("%shell", "version").stdout.startswith(b"Client version")
    client_ = paramiko.SSHClient()
    client_.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    for login, command, wanted in (("%list", "", "c1"), ("%shell", "version", "Client version")):
        client_.connect(ssh.server.address, ssh.server.port, login, look_for_keys=False,
                        key_filename=str(ssh.key.path), allow_agent=False)
        _, output, _ = client_.exec_command(command, timeout=20)
        assert wanted in output.read().decode()
        assert output.channel.recv_exit_status() == 0
        client_.close()


# %explain


@pytest.mark.expect_logins(2)
def test_explain_says_what_a_login_means(ssh):
    text = ssh.output(login="%explain//alice@c1.p1")
    assert "instance user:  alice\n" in text and "project:        p1\n" in text
    assert "session:        persistent\n" in text and "decision:       allowed\n" in text
    assert "shell" in text.split("may:")[1]
    text = ssh.output(login="%explain/%rm/c1")
    assert "does:           delete it\n" in text


@pytest.mark.expect_logins(3)
def test_explain_by_the_access_policy(start_server, access, keys, incus):  # noqa: F811
    incus("config", "set", "c1", "user.team=blue")
    server = start_server("--access", access.write(
        rule("blue-secret", allow=["exec"], labels={"team": "blue"})))
    one = client(server, keys[0])
    try:
        text = one.output(login="%explain/c1+s2isys1")
        assert "may:            exec\n" in text and "blue-secret" not in text
        text = one.output(login="%explain/c2+s2isys1")
        assert "refused" in text.split("decision:")[1]
        text = one.output(login="%explain/missing+s2isys1")
        assert "note: no such instance" in text and "depends on labels" in text
    finally:
        incus("config", "unset", "c1", "user.team")


# %rm


@pytest.mark.expect_logins(1)
def test_rm_asks_and_deletes(ssh, incus, doomed, terminal, server):
    doomed("doomed1")
    incus("snapshot", "create", "doomed1", "s0")
    shown = terminal(ssh.argv(login="%rm/doomed1"))
    shown.expect(r"instance doomed1 in project default: container, Running, created [^\r]*, "
                 r"1 snapshot\r\n")
    shown.expect(r"Delete it with its snapshots, stopping it first\? \(yes/no\) ")
    shown.type("yess\x7f\r")
    shown.expect("yes")
    shown.expect("deleted\r\n")
    assert shown.wait() == 0
    assert incus.state("doomed1") is None
    event = server.log.wait_for("instance_deleted")[0]
    assert event.target == "%rm/doomed1"


@pytest.mark.expect_logins(4)
def test_rm_deletes_nothing_without_a_yes(ssh, incus, doomed, terminal):
    doomed("doomed2", "Stopped")
    result = ssh.run(login="%rm/doomed2", input=b"no\n")
    assert result.returncode == 1 and result.stderr.endswith(b"ssh2incus: not deleted\n")
    result = ssh.run(login="%rm/doomed2", input=b"")
    assert result.returncode == 1 and result.stderr.endswith(b"ssh2incus: not deleted\n")
    shown = terminal(ssh.argv(login="%rm/doomed2"))
    shown.expect(r"\(yes/no\) ")
    shown.type("\x03")
    assert shown.wait() == 130
    gone = ssh.start(login="%rm/doomed2")
    assert gone.stdout.readline().startswith(b"instance doomed2")
    end(gone)
    assert incus.state("doomed2") == "Stopped"


@pytest.mark.expect_logins(2)
def test_rm_without_asking(ssh, incus, doomed):
    doomed("doomed3")
    result = ssh.run(login="%rm-f/doomed3")
    assert result.returncode == 0 and result.stdout.endswith(b"deleted\n"), result
    assert incus.state("doomed3") is None
    result = ssh.run(login="%rm-f/doomed3")
    assert result.returncode == 1 and b"no such instance: doomed3" in result.stderr


@pytest.mark.expect_logins(1)
def test_rm_by_a_pipe(ssh, incus, doomed):
    doomed("doomed4", "Stopped")
    result = ssh.run(login="%rm/doomed4", input=b"yes\n")
    assert result.returncode == 0, result
    assert incus.state("doomed4") is None


@pytest.mark.expect_logins(1)
def test_rm_leaves_protected_instances(ssh, incus, doomed):
    doomed("doomed5", "Stopped", "security.protection.delete=true")
    result = ssh.run(login="%rm-f/doomed5")
    assert result.returncode == 1 and b"security.protection.delete" in result.stderr
    assert incus.state("doomed5") == "Stopped"


@pytest.mark.expect_logins(1)
def test_rm_deletes_no_other_instance_of_the_name(ssh, incus, doomed, terminal):
    doomed("doomed6", "Stopped")
    shown = terminal(ssh.argv(login="%rm/doomed6"))
    shown.expect(r"\(yes/no\) ")
    incus("delete", "-f", "doomed6")
    incus.ensure("doomed6", "Stopped")
    shown.type("yes\r")
    shown.expect("another one than a moment ago")
    assert shown.wait() == 1
    assert incus.state("doomed6") == "Stopped"


@pytest.mark.expect_logins(3)
def test_rm_by_policy(start_server, access, keys, incus, doomed):  # noqa: F811
    doomed("doomed7", "Stopped")
    doomed("doomed8", "Stopped", "user.env=test")
    server = start_server("--access", access.write(
        rule("test", allow=["delete"], labels={"env": "test"}),
        rule("enter", allow=["shell"], instances="c*")))
    one = client(server, keys[0])
    result = one.run(login="%rm-f/c2+s2isys1")
    assert result.returncode != 0 and b"access policy" in result.stderr
    result = one.run(login="%rm-f/doomed7+s2isys1")
    assert result.returncode != 0 and b"access policy" in result.stderr
    assert one.run(login="%rm-f/doomed8+s2isys1").returncode == 0
    assert incus.state("doomed7") == "Stopped" and incus.state("doomed8") is None


# %sessions


def connection_id(row):
    assert re.fullmatch(r"[0-9a-f]{16}", row[0]), row
    return row[0]


@pytest.mark.expect_logins(3)
def test_sessions_lists_ends_and_tells(ssh, server):
    other = ssh.start("echo ready; sleep 60")
    try:
        assert other.stdout.readline() == b"ready\n"
        listed = rows(ssh.output(login="%sessions"))
        here = [row for row in listed if "(this one)" in row[-1]]
        there = [row for row in listed if row[2] == "root@c1.default"]
        assert len(here) == 1 and len(there) == 1, listed
        assert there[0][1] == "root" and there[0][3] == "127.0.0.1" and there[0][5] == "1"
        assert here[0][2] == "%sessions"
        result = ssh.run("end " + connection_id(there[0]), login="%sessions")
        assert result.returncode == 0, result
        _, errors = other.communicate(timeout=10)
        assert other.returncode == 255 and b"ended by root" in errors, errors
        assert server.log.wait_for("connection_end_wanted")[0].by == "root"
    finally:
        end(other)


@pytest.mark.expect_logins(5)
def test_sessions_of_others_are_for_whom_the_policy_lets(ssh, member, server):
    other = ssh.start("echo ready; sleep 60")
    try:
        assert other.stdout.readline() == b"ready\n"
        listed = rows(ssh.output(login="%sessions"))
        id_ = connection_id([row for row in listed if row[2] == "root@c1.default"][0])
        listed = rows(member.output(login="%sessions+s2isys1"))
        assert [row[1] for row in listed] == ["s2isys1"]
        result = member.run("end " + id_, login="%sessions+s2isys1")
        assert result.returncode == 1 and b"no such connection" in result.stderr
        assert other.poll() is None
        with member.master() as (_, mine):
            wait_until(lambda: len(server.log.events("auth_succeeded")) == 5)
            assert mine.poll() is None
    finally:
        end(other)


@pytest.mark.expect_logins(4)
def test_ones_own_sessions_can_be_ended(member):
    with member.master() as (_, mine):
        listed = rows(member.output(login="%sessions+s2isys1"))
        id_ = connection_id([row for row in listed if row[2].startswith("root@c1")][0])
        assert member.run("end " + id_, login="%sessions+s2isys1").returncode == 0
        mine.wait(10)
        listed = rows(member.output(login="%sessions+s2isys1"))
        assert len(listed) == 1


@pytest.mark.expect_logins(3)
def test_sessions_refuses_what_makes_no_sense(ssh):
    for command, status in (("end", 2), ("end 0123456789abcdef", 1), ("kill all", 2)):
        result = ssh.run(command, login="%sessions")
        assert result.returncode == status, (command, result)
        assert result.stderr.startswith(b"ssh2incus: ") and result.stdout == b""


@pytest.mark.expect_logins(2)
def test_sessions_are_known_after_a_restart(start_server, root_key):
    server = start_server("--master")
    one = Client(server, root_key)
    other = one.start("echo ready; sleep 60")
    try:
        assert other.stdout.readline() == b"ready\n"
        server.process.terminate()
        server.process.wait(5)
        server.start()
        listed = rows(one.output(login="%sessions"))
        assert [row for row in listed if row[2] == "root@c1.default"], listed
    finally:
        end(other)
