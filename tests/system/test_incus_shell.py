"""%shell: the incus client over SSH, by the stock client."""
import pytest

from harness.client import Client, end, wait_until
from test_access import client, keys, rule  # noqa: F401 (a fixture)


@pytest.mark.expect_logins(4)
def test_a_command_and_its_exit_code(ssh, incus):
    assert "c1" in ssh.output("list --format csv --columns n", login="%shell").split()
    assert "c1" in ssh.output("incus list --format csv --columns n", login="%shell").split()
    result = ssh.run("exec c1 -- sh -c 'echo out; echo err >&2; exit 7'", login="%shell")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 7)
    result = ssh.run("no-such-command", login="%shell")
    assert result.returncode == 1 and b"unknown command" in result.stderr


@pytest.mark.expect_logins(3)
def test_no_shell_evaluates_the_line(ssh, tmp_path):
    marker = tmp_path / "marker"
    tmp_path.chmod(0o777)
    for line in (f"version; touch {marker}", f"version $(touch {marker})",
                 f"version | tee {marker}"):
        ssh.run(line, login="%shell")
        assert not marker.exists(), line


@pytest.mark.expect_logins(1)
def test_a_line_that_cant_be_split(ssh):
    result = ssh.run("list 'c1", login="%shell")
    assert result.returncode == 2 and b"has no end" in result.stderr


@pytest.mark.expect_logins(1)
def test_input_and_output_are_carried(ssh):
    data = bytes(range(256)) * 4000
    result = ssh.run("exec c1 -- cat", login="%shell", input=data, timeout=60)
    assert result.stdout == data


@pytest.mark.expect_logins(1)
def test_lines_on_a_pipe(ssh):
    result = ssh.run(login="%shell", input=b"project list --format csv\nlist --format csv\nexit\n")
    assert result.returncode == 0
    assert b"p1," in result.stdout and b"c1,RUNNING" in result.stdout


@pytest.mark.expect_logins(1)
def test_a_conversation(ssh, terminal):
    shell = terminal(ssh.argv(login="%shell"), rows=40, columns=120)
    shell.expect("Incus shell on ")
    shell.expect("incus> ")
    shell.type("vers\t\r")
    shell.expect(r"Client version: [\d.]+\r\n")
    shell.expect("incus> ")
    shell.type("\x10\r")  # the line before once more
    shell.expect(r"Client version: [\d.]+\r\n")
    shell.expect("incus> ")
    shell.type("exec c1\t -- stty size\r")
    shell.expect("40 120\r\n")
    shell.expect("incus> ")
    shell.type("exit\r")
    assert shell.wait() == 0


@pytest.mark.expect_logins(1)
def test_tab_completes_commands_and_instances(ssh, terminal):
    shell = terminal(ssh.argv(login="%shell"))
    shell.expect("incus> ")
    shell.type("l\t\t")
    shell.expect("launch")
    shell.expect("list")
    shell.type("\x15exec c\t")
    shell.expect("c1")
    shell.expect("c2")
    shell.type("\x15exit\r")
    assert shell.wait() == 0


@pytest.mark.expect_logins(1)
def test_ctrl_c_ends_the_command_and_twice_leaves(ssh, terminal):
    shell = terminal(ssh.argv(login="%shell"))
    shell.expect("incus> ")
    shell.type("monitor\r")
    shell.expect("monitor\r\n")
    with pytest.raises(AssertionError):
        shell.expect("incus> ", timeout=2)
    shell.type("\x03")
    shell.expect("incus> ")
    shell.type("something\x03")
    shell.expect("once more leaves")
    shell.expect("incus> ")
    shell.type("\x03")
    shell.wait()


@pytest.mark.expect_logins(1)
def test_what_runs_ends_with_the_connection(ssh, server):
    client_ = ssh.start("exec c1 -- sh -c 'echo ready; sleep 1000'", login="%shell")
    assert client_.stdout.readline() == b"ready\n"
    end(client_)
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_it_runs_as_a_user_of_its_own_without_privileges(ssh, server):
    client_ = ssh.start("exec c1 -- sh -c 'echo ready; sleep 1000'", login="%shell")
    assert client_.stdout.readline() == b"ready\n"
    try:
        running = wait_until(lambda: [process for process in server.connection_processes()
                                      if process.name in ("incus", "ssh2incus-shell",
                                                          "ssh2incus-guest")])
        assert {process.name for process in running} >= {"incus", "ssh2incus-guest"}
        for process in running:
            status = process.status()
            assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
            assert not any(process.capabilities().values())
    finally:
        end(client_)


@pytest.mark.expect_logins(1)
def test_it_has_no_files_and_no_forwarding(ssh):
    with ssh.master(login="%shell") as (through, _):
        assert through.run("-s", "sftp").returncode != 0
        assert through.run(options=["-W", "localhost:22"]).returncode != 0
        assert through.run("version").returncode == 0


@pytest.mark.expect_logins(1)
def test_it_is_for_root_by_default(member):
    result = member.run("list", login="%shell+s2isys1")
    assert result.returncode == 255 and b"access policy" in result.stderr


@pytest.mark.expect_logins(2)
def test_the_policy_may_let_others(start_server, access, keys):  # noqa: F811
    server = start_server("--access", access.write(
        rule("first", allow=["incus-shell"], users="s2isys1")))
    one = client(server, keys[0])
    assert b"c1" in one.run("list --format csv", login="%shell+s2isys1").stdout
    result = one.run("true", login="c1+s2isys1")
    assert result.returncode == 255 and b"access policy" in result.stderr


@pytest.mark.expect_logins(1)
def test_it_can_be_switched_off(start_server, root_key):
    server = start_server("--incus-shell", "no")
    result = Client(server, root_key).run("list", login="%shell")
    assert result.returncode == 255 and b"no Incus shell on this server" in result.stderr


@pytest.mark.expect_logins(1)
def test_a_forced_command_is_what_runs(server, users, keyring, access, start_server):
    key = keyring.get("ed25519", name="forced-incus")
    users["member"].write_keys(f'command="version" {key.public}')
    own = start_server("--access", access.write(
        rule("first", allow=["incus-shell"], users="s2isys1")))
    result = client(own, key).run("delete -f c1", login="%shell+s2isys1")
    assert result.returncode == 0 and b"Client version" in result.stdout
