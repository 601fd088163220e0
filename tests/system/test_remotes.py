"""Instances of an https remote: everything works as over the local socket, through the gateway's TLS
pump."""
import hashlib
import os
import shlex
import subprocess
import time

import pytest

from conftest import ALICE, Starter
from harness.client import Client, end, fresh_source, wait_until
from harness.forward import ask, connect
from harness.inside import Inside
from harness.process import Process
from harness.remote import ClientFiles, FarIncus
from harness.server import free_port
from test_plain_mode import NOEXEC, PROMPT, made_instance


@pytest.fixture(scope="module")
def far():
    daemon = FarIncus().up()
    daemon.ensure("r1")
    daemon.shell("r1", ALICE)
    if "web" not in daemon("project", "list", "--format", "csv"):
        daemon("project", "create", "web", "-c", "features.images=false", "-c",
               "features.profiles=false")
    daemon.ensure("w1", project="web")
    yield daemon
    if not os.environ.get("SSH2INCUS_KEEP_INCUS"):
        daemon.down()


@pytest.fixture(scope="module")
def files(far):
    made = ClientFiles(f"/run/ssh2incus-test-client-{os.getpid()}")
    far.trust(made.folder / "client.crt")
    made.add("far", far.url, far.certificate, project="default")
    made.add("web", far.url, far.certificate, project="web")
    made.add("unpinned", far.url)
    made.add("images", "https://images.example", protocol="simplestreams")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def module_server(keyring, incus, files, system_users, tmp_path_factory):
    starter = Starter(keyring, tmp_path_factory.mktemp("remotes"), incus)
    yield starter("--inauth", env=files.env)
    starter.stop()


@pytest.fixture
def server(module_server):
    module_server.settle()
    module_server.log.mark()
    yield module_server
    assert module_server.running, "the server died: " + module_server.log.text()[-3000:]


@pytest.fixture
def remote(server, root_key):
    """The stock client as host user root, to instance r1 of the remote."""
    return Client(server, root_key, "far:r1")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.expect_logins(1)
def test_commands_streams_and_exit_codes(remote, server):
    with remote.master() as (client, _):
        result = client.run("cat; echo err >&2; exit 3", input=b"in\n")
        assert (result.stdout, result.stderr, result.returncode) == (b"in\n", b"err\n", 3)
        assert client.run("kill -TERM $$").returncode == 255
        for i in range(20):
            assert client.output(f"echo {i}") == f"{i}\n"
    ready, = server.log.events("target_ready")
    assert ready.target == "far:root@r1.default" and ready.mode is None


@pytest.mark.expect_logins(1)
def test_shell_on_a_terminal(remote, terminal):
    session = terminal(remote.argv())
    session.expect(PROMPT)
    session.type("stty size; id -u\r")
    session.expect(r"24 80\r\n0\r\n")
    session.resize(50, 132)
    time.sleep(0.3)
    session.type("stty size\r")
    session.expect(r"50 132\r\n")
    session.type("exit 7\r")
    assert session.wait() == 7


@pytest.mark.expect_logins(1)
def test_much_data_both_ways(remote):
    data = os.urandom(150_000_000)
    result = remote.run("tee /tmp/copy", input=data, timeout=120)
    assert result.returncode == 0 and sha256(result.stdout) == sha256(data)


@pytest.mark.expect_logins(1)
def test_reader_that_stops_holds_nothing_up(remote):
    with remote.master() as (client, _):
        stalled = client.start("head -c 60000000 /dev/zero; exit 5")
        time.sleep(1)
        assert client.output("echo still here") == "still here\n"
        assert stalled.poll() is None
        assert len(stalled.stdout.read()) == 60_000_000
        assert stalled.wait(20) == 5
        end(stalled)


@pytest.mark.expect_logins(2)
def test_sftp(remote, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(30_000_000))
    argv = remote.argv(program="sftp")
    argv[argv.index("-p")] = "-P"
    where = argv.index("-l")
    argv[where:where + 2] = ["-b", "-", "-o", "User=far:alice@r1"]
    for batch in (f"put {source} /home/alice/x\n", f"get /home/alice/x {back}\n"):
        result = subprocess.run(argv, input=batch.encode(), capture_output=True, timeout=60)
        assert result.returncode == 0, result.stderr
    assert sha256(back.read_bytes()) == sha256(source.read_bytes())


@pytest.mark.expect_logins(2)
def test_forwarding_both_ways(remote, far, forwards):
    inside = Inside(far, "r1")
    try:
        data = os.urandom(3_000_000)
        port, local = inside.serve("127.0.0.1"), free_port()
        forwards(remote, f"LocalForward={local} 127.0.0.1:{port}")
        assert ask(connect(local), "echo", data) == data
        process = remote.start("-N", options=["RemoteForward=/tmp/r.sock 127.0.0.1:1"])
        wait_until(lambda: far.shell("r1", "test -S /tmp/r.sock && echo yes", check=False))
        end(process)
    finally:
        inside.close()


@pytest.mark.expect_logins(1)
def test_plain_mode(remote, far):
    with made_instance(far, "plain-far", NOEXEC) as name:
        with remote.but(login=f"far:{name}").master() as (client, _):
            data = os.urandom(20_000_000)
            result = client.run("cat; exit 6", input=data, timeout=60)
            assert result.returncode == 6 and sha256(result.stdout) == sha256(data)
            stalled = client.start("head -c 20000000 /dev/zero; exit 5")
            time.sleep(0.5)
            for i in range(5):
                assert client.output(f"echo {i}") == f"{i}\n"
            assert len(stalled.stdout.read()) == 20_000_000
            assert stalled.wait(20) == 5
            end(stalled)
    assert remote.server.log.wait_for("target_ready")[0].mode == "plain"


@pytest.mark.expect_logins(1)
def test_keys_of_the_instance(server, far, keyring):
    key = keyring.get("ed25519", name="far-alice")
    line = shlex.quote(key.public)
    far.shell("r1", f"mkdir -p -m 700 /home/alice/.ssh; echo {line} >/home/alice/.ssh/authorized_keys"
                    "; chmod 600 /home/alice/.ssh/authorized_keys; chown -R 1001:1001 /home/alice/.ssh"
                    "; grep -q ^alice: /etc/shadow || echo 'alice:*:19000:0:99999:7:::' >>/etc/shadow")
    client = Client(server, key, "far:alice@r1", fresh_source())
    assert client.output("id -un") == "alice\n"
    refused = client.run("true", login="far:bob@r1")
    assert refused.returncode == 255 and b"Permission denied" in refused.stderr


@pytest.mark.expect_logins(2)
def test_project_of_the_remote(remote, server):
    assert remote.output("hostname", login="web:w1") == "w1\n"
    assert server.log.wait_for("target_ready")[0].target == "web:root@w1.web"
    assert remote.output("hostname", login="web:r1.default") == "r1\n"


@pytest.mark.expect_logins(4)
def test_remotes_that_cannot_be_used(remote):
    for login, text in (("nowhere:c1", b"there is no remote nowhere"),
                        ("images:c1", b"image server"),
                        ("unpinned:r1", b"its certificate isn't trusted"),
                        ("far:none", b"no such instance: none")):
        result = remote.run("true", login=login)
        assert result.returncode == 255 and text in result.stderr, result.stderr


@pytest.mark.expect_logins(0)
def test_nobody_learns_which_remotes_there_are(server, keyring):
    stranger = Client(server, keyring.get("ed25519", name="far-stranger"), "c1", fresh_source())
    answers = {stranger.run("true", login=login).stderr.split(b": ", 1)[1]
               for login in ("nowhere:ana@c1", "images:ana@c1")}
    assert answers == {b"Permission denied (publickey).\r\n"}


@pytest.mark.expect_logins(1)
def test_gateway_of_a_remote_has_no_group_and_ends_with_the_connection(remote, server):
    process = remote.start("echo ready; sleep 100")
    assert process.stdout.readline() == b"ready\n"
    gateway, = server.named("ssh2incus-gateway")
    assert gateway.groups() == set() and gateway.capabilities()["Bnd"] == set()
    status = gateway.status()
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1" and not status["Uid"].startswith("0")
    end(process)
    wait_until(lambda: not gateway.alive, what="the end of the gateway")


@pytest.mark.expect_logins(3)
def test_access_rules_name_remotes(start_server, files, incus, root_key, access):
    access.write({"name": "far", "allow": "all", "remotes": ["far"]})
    server = start_server("--access", str(access.path), env=files.env)
    client = Client(server, root_key, "far:r1")
    assert client.output("hostname") == "r1\n"
    for login in ("c1", "web:w1"):
        result = client.run("true", login=login)
        assert result.returncode == 255 and b"access policy" in result.stderr


@pytest.mark.expect_logins(3)
def test_flags_that_say_which_remote_is_meant(start_server, files, far, root_key):
    by_name = start_server("-r", "far", env=files.env)
    assert Client(by_name, root_key, "r1").output("hostname") == "r1\n"
    assert Client(by_name, root_key, "local:c1").output("hostname") == "c1\n"
    client = files.folder / "client"
    by_url = start_server("-u", far.url, "-c", f"{client}.crt", "-k", f"{client}.key", "-t",
                          far.directory / "server.crt", "-s", "none",
                          env={"INCUS_CONF": "/nonexistent", "INCUS_GLOBAL_CONF": "/nonexistent"})
    assert Client(by_url, root_key, "r1").output("hostname") == "r1\n"


@pytest.mark.expect_logins(1)
def test_remote_that_is_killed_ends_the_session(remote, far):
    process = remote.start("echo up; sleep 1000")
    assert process.stdout.readline() == b"up\n"
    os.kill(far.daemon_pid(), 9)
    try:
        out, err = process.communicate(timeout=20)
        assert process.returncode == 255 and b"ssh2incus: " in err, (out, err)
    finally:
        wait_until(lambda: not os.path.exists(f"/proc/{far.daemon_pid()}") or
                   not Process(far.daemon_pid()).alive)
        far.up()
