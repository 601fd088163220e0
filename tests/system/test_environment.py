"""What a session finds around it: variables, users, groups, directories."""
import os

import pytest

from harness.client import Client, end
from harness.process import processes


def variables(client, **settings):
    lines = client.output("env", **settings).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.expect_logins(1)
def test_the_variables_of_a_root_session(ssh, server):
    found = variables(ssh)
    wanted = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert "/bin" in found["PATH"].split(":")
    address, port, own_address, own_port = found["SSH_CONNECTION"].split()
    assert (address, own_address, own_port) == ("127.0.0.1", "127.0.0.1", str(server.port))
    assert found["SSH_CLIENT"] == f"127.0.0.1 {port} {own_port}"
    assert "SSH_SESSION" in found
    assert "SSH_TTY" not in found


@pytest.mark.expect_logins(1)
def test_nothing_of_the_host_leaks_into_the_environment(ssh):
    known = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "SSH_CONNECTION", "SSH_CLIENT",
             "SSH_SESSION", "PWD", "SHLVL", "OLDPWD", "MAIL", "LANG", "TERM", "_"}
    assert set(variables(ssh)) <= known


@pytest.mark.expect_logins(1)
def test_locale_variables_pass(ssh):
    found = variables(ssh, env={"LANG": "de_DE.UTF-8", "LC_TIME": "C"},
                      options=["SendEnv=LANG", "SendEnv=LC_*"])
    assert (found.get("LANG"), found.get("LC_TIME")) == ("de_DE.UTF-8", "C")


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "BASH_ENV", "IFS", "ENV", "FOREIGN"])
def test_variables_that_are_not_allowed_stay_out(ssh, name):
    assert "/tmp/evil" not in variables(ssh, options=[f"SetEnv={name}=/tmp/evil"]).values()


@pytest.mark.expect_logins(2)
def test_accept_env_allows_more_but_never_the_loader(start_server, root_key):
    server = start_server("--accept-env", "FOREIGN,LD_*,PATH")
    client = Client(server, root_key)
    assert variables(client, options=["SetEnv=FOREIGN=x"]).get("FOREIGN") == "x"
    found = variables(client, options=["SetEnv=LD_PRELOAD=/tmp/evil"])
    assert "/tmp/evil" not in found.values()


@pytest.mark.expect_logins(1)
def test_another_instance_user_gets_home_and_all_groups(ssh):
    alice = ssh.but(login="alice@c1")
    with alice.master() as (client, _):
        assert client.output("id -un; id -u; id -g; pwd") == "alice\n1001\n1001\n/home/alice\n"
        assert set(client.output("id -G").split()) == {"1001", "2001", "2002"}
        found = variables(client)
        assert (found["HOME"], found["USER"]) == ("/home/alice", "alice")
        assert client.run("cat /etc/shadow; touch /root/x").returncode != 0


@pytest.mark.expect_logins(1)
def test_root_user_has_no_groups_of_the_host(ssh):
    with ssh.master() as (client, _):
        assert client.output("id -u; id -g") == "0\n0\n"
        groups = {int(group) for group in client.output("id -G").split()}
        assert not groups & {1001, 2001, 2002}


@pytest.mark.expect_logins(1)
def test_missing_home_becomes_the_root_directory(ssh, incus):
    incus.shell("c1", "rmdir /home/alice")
    try:
        result = ssh.run("pwd", login="alice@c1")
        assert result.stdout == b"/\n"
    finally:
        incus.shell("c1", "mkdir -p /home/alice; chown 1001:1001 /home/alice")


@pytest.mark.expect_logins(1)
def test_instance_of_another_project(ssh, incus):
    incus.shell("c1", "touch /tmp/i-am-p1", project="p1")
    assert ssh.output("ls /tmp/i-am-p1", login="c1.p1") == "/tmp/i-am-p1\n"


@pytest.mark.expect_logins(3)
@pytest.mark.parametrize("login", [["alice%40c1", "alice%2540c1", "alice@c1.default+root"]])
def test_login_forms_name_the_same_target(ssh, login):
    for form in login:
        assert ssh.output("id -un; hostname", login=form) == "alice\nc1\n"


@pytest.mark.expect_logins(1)
def test_command_line_and_environment_stay_out_of_the_hosts_process_list(ssh):
    session = ssh.start("SECRET=hidden-value; sleep 30 & wait",
                        options=["SetEnv=LC_SECRET=hidden-value", "SendEnv=-*"])
    try:
        ssh.server.log.wait_for("session_opened")
        assert commands_on_the_host(b"hidden-value", besides=session.pid) == []
    finally:
        end(session)


def commands_on_the_host(text, besides):
    """Processes in our own pid namespace (so not the instance's) that show the text."""
    ours = os.readlink("/proc/self/ns/pid")
    found = []
    for process in processes():
        try:
            if process.pid != besides and os.readlink(process.folder / "ns/pid") == ours:
                words = (process.folder / "cmdline").read_bytes()
                variables = (process.folder / "environ").read_bytes()
                found += [words] if text in words + variables else []
        except OSError:
            continue
    return found
