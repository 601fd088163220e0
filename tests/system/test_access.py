"""access.yaml: who gets where, with what, for how long; by the stock client and a real Incus."""
import os
import signal
import subprocess

import pytest

from harness.client import Client, fresh_source, wait_until
from test_flags import run


def rule(name, **keys):
    return {"name": name, **{key.replace("_", "-"): value for key, value in keys.items()}}


@pytest.fixture
def keys(users, keyring):
    """Two keys of host user s2isys1."""
    first = keyring.get("ed25519", name="access1")
    second = keyring.get("ecdsa", 256, name="access2")
    users["member"].write_keys(first.public, second.public)
    return first, second


def client(server, key, login="c1+s2isys1", *others):
    return Client(server, key, login, fresh_source(),
                  [f"IdentityFile={other.path}" for other in others])


def fingerprint(key):
    return subprocess.run(["ssh-keygen", "-l", "-f", str(key.path)], check=True,
                          capture_output=True, text=True).stdout.split()[1]


def assert_refused(server, result, rule_name):
    assert result.returncode == 255
    assert b"refused by this server's access policy" in result.stderr, result.stderr
    assert rule_name.encode() not in result.stderr
    event = server.log.events("access_refused")[-1]
    assert event.rule == rule_name


@pytest.mark.expect_logins(5)
def test_users_groups_keys_sources_and_globs(start_server, access, keys, incus):
    first, second = keys
    server = start_server("--access", access.write(
        rule("no-p1", deny="all", projects="p*", users="s2isys1"),
        rule("not-from-there", deny="all", sources="127.99.0.0/16"),
        rule("not-that-key", deny="all", keys=fingerprint(second)),
        rule("members", allow="all", groups="incus", instances=["c*", "!c3"])))
    assert client(server, first).output("echo in") == "in\n"
    assert server.log.events("auth_succeeded")[0].rule == "members"
    assert_refused(server, client(server, first, "c1.p1+s2isys1").run("true"), "no-p1")
    there = client(server, first).but(source="127.99.0.1")
    assert_refused(server, there.run("true"), "not-from-there")
    assert_refused(server, client(server, second).run("true"), "not-that-key")
    result = client(server, first, "c3+s2isys1").run("true")
    assert result.returncode == 255 and b"access policy" in result.stderr


@pytest.mark.expect_logins(1)
def test_whom_no_rule_is_for_cannot_even_authenticate(start_server, access, keys, users, keyring):
    key = keyring.get("ed25519", name="access-admin")
    users["admin"].write_keys(key.public)
    server = start_server("--access", access.write(rule("members", allow="all", users="s2isys1")))
    assert client(server, keys[0]).output("echo in") == "in\n"
    result = client(server, key, "c1+s2isys3").run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr


@pytest.mark.expect_logins(2)
def test_hours(start_server, access, keys):
    server = start_server("--access", access.write(
        rule("always", deny="all", hours=["00:00-24:00"], projects="default"),
        rule("daily", allow="all", days=["mon-sun"], users="s2isys1")))
    assert_refused(server, client(server, keys[0]).run("true"), "always")
    assert client(server, keys[0], "c1.p1+s2isys1").output("echo in") == "in\n"


@pytest.mark.expect_logins(4)
def test_shells_and_commands_by_themselves(start_server, access, keys):
    first, second = keys
    server = start_server("--access", access.write(
        rule("shells", allow="shell", keys=fingerprint(first)),
        rule("commands", allow="exec", keys=fingerprint(second))))
    assert client(server, first).run(input=b"echo shell\n").stdout == b"shell\n"
    result = client(server, first).run("echo command")
    assert result.returncode == 255 and b"commands are not allowed" in result.stderr
    assert client(server, second).output("echo command") == "command\n"
    result = client(server, second).run(input=b"echo shell\n")
    assert result.returncode == 255 and b"shells are not allowed" in result.stderr


@pytest.mark.expect_logins(1)
def test_stopped_instance_that_may_not_be_started(start_server, access, keys, incus):
    server = start_server("--access", access.write(rule("look", allow=["shell", "exec"],
                                                        users="s2isys1")))
    result = client(server, keys[0], "c2+s2isys1").run("true")
    assert result.returncode == 255 and b"starting it isn't allowed" in result.stderr
    assert incus.state("c2") == "Stopped"


@pytest.mark.expect_logins(3)
def test_labels_of_the_instance(start_server, access, keys, incus):
    server = start_server("--access", access.write(
        rule("no-production", deny="all", labels={"env": "prod*"}),
        rule("commands-in-test", allow="exec", labels={"env": "test"}),
        rule("rest", allow="all", users="s2isys1")))
    try:
        incus("config", "set", "c1", "user.env=production")
        assert_refused(server, client(server, keys[0]).run("true"), "no-production")
        incus("config", "set", "c1", "user.env=test")
        result = client(server, keys[0]).run(input=b"echo shell\n")
        assert b"shells are not allowed" in result.stderr
        assert server.log.events("access_granted")[-1].rule == "commands-in-test"
    finally:
        incus("config", "unset", "c1", "user.env")
    assert client(server, keys[0]).run(input=b"echo shell\n").stdout == b"shell\n"
    assert server.log.events("access_granted")[-1].rule == "rest"


@pytest.mark.expect_logins(2)
def test_two_proofs_where_a_project_demands_them(start_server, access, keys):
    first, second = keys
    server = start_server("--access", access.write(
        rule("p1", allow="all", projects="p1", methods="publickey,publickey"),
        rule("rest", allow="all", users="s2isys1")))
    assert client(server, first).output("echo in") == "in\n"
    assert not server.log.events("auth_partial")
    both = client(server, first, "c1.p1+s2isys1", second)
    result = both.run("echo in", options=["LogLevel=VERBOSE"])
    assert result.stdout == b"in\n" and b"partial success" in result.stderr
    partial, = server.log.events("auth_partial")
    assert partial.rule == "p1" and partial.next == "publickey"
    alone = client(server, first, "c1.p1+s2isys1").run("echo in")
    assert alone.returncode == 255 and b"Permission denied (publickey)" in alone.stderr


@pytest.mark.expect_logins(1)
def test_session_limit(start_server, access, keys):
    server = start_server("--access", access.write(
        rule("short", allow="all", users="s2isys1", session_limit="3s")))
    result = client(server, keys[0]).run("while :; do echo x; sleep 0.2; done", options=["-vv"])
    assert result.returncode == 255
    assert b"the session limit of 3s is reached" in result.stderr
    assert b"rcvd close" not in result.stderr, "the goodbye comes before the channels' end"
    server.log.wait_for("session_limit", rule="short")
    server.wait_idle()


@pytest.mark.expect_logins(2)
def test_idle_limit(start_server, access, keys):
    server = start_server("--access", access.write(
        rule("quiet", allow="all", users="s2isys1", idle_limit="2s")))
    result = client(server, keys[0]).run("echo begun; sleep 600")
    assert result.returncode == 255 and result.stdout == b"begun\n"
    assert b"idle for 2 seconds" in result.stderr
    busy = client(server, keys[0])
    # Longer than the limit, but never silent for so long.
    assert busy.output("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done").count("\n") == 8
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_global_idle_timeout(start_server, keys):
    server = start_server("--idle-timeout", "2")
    result = client(server, keys[0]).run("sleep 600")
    assert result.returncode == 255 and b"idle for 2 seconds" in result.stderr


@pytest.mark.expect_logins(2)
def test_incus_native(start_server, keys, users, keyring):
    key = keyring.get("ed25519", name="access-admin")
    users["admin"].write_keys(key.public)
    server = start_server("--access", "incus-native")
    assert client(server, key, "c1+s2isys3").output("echo in") == "in\n"
    result = client(server, keys[0]).run("true")
    assert result.returncode == 255 and b"access policy" in result.stderr


@pytest.mark.expect_logins(3)
def test_reload_and_a_broken_file(start_server, access, keys):
    server = start_server("--access", access.write(rule("one", allow="all", users="s2isys1")))
    assert client(server, keys[0]).output("echo in") == "in\n"
    access.write_text("version: 1\nrules:\n- name: two\n  alow: all\n")
    os.kill(server.pid, signal.SIGHUP)
    failed, = server.log.wait_for("reload_failed")
    assert "access.yaml:4:3" in failed.reason and "alow" in failed.reason
    assert client(server, keys[0]).output("echo in") == "in\n"
    access.write(rule("three", deny="all", instances="c1"), rule("four", allow="all"))
    os.kill(server.pid, signal.SIGHUP)
    server.log.wait_for("reloaded")
    assert_refused(server, client(server, keys[0]).run("true"), "three")


@pytest.mark.expect_logins(0)
def test_wrong_files_are_refused_at_the_start_and_by_check(access, keyring):
    host_key = keyring.get("ed25519", name="host").path
    path = access.write_text("version: 1\nrules:\n- name: a\n  allow: [shell, fly]\n")
    for arguments in [[], ["--check"]]:
        result = run("-l", "127.0.0.1:0", "--host-key", host_key, "--access", path, *arguments)
        assert result.returncode not in (0, None)
        assert f"{path}:4:18" in result.stderr and "fly" in result.stderr, result.stderr
    access.write(rule("a", allow="all"))
    access.path.chmod(0o666)
    result = run("-l", "127.0.0.1:0", "--host-key", host_key, "--access", path)
    assert result.returncode not in (0, None) and "written by others" in result.stderr


@pytest.mark.expect_logins(0)
def test_explain(access, users):
    path = access.write(
        rule("closed", deny="all", projects="prod", days="sat-sun"),
        rule("members", allow=["shell", "exec"], groups="incus", session_limit="8h"))
    def explain(*arguments):
        result = run("--access", path, "--explain", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout
    text = explain("web@c1.prod", "--as", "s2isys1", "--at", "2026-11-27 12:00")
    assert "members" in text and "shell, exec" in text and "8h" in text and "web" in text
    text = explain("web@c1.prod", "--as", "s2isys1", "--at", "2026-11-28 12:00")
    assert "closed" in text and "refused" in text
    assert "can't authenticate" in explain("c1", "--as", "s2isys2")
