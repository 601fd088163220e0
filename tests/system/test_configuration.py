"""config.yaml: --check, --dump, a server that runs by it, reloads, and who may own it."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest
import yaml

from harness import paths
from harness.client import Client, fresh_source
from harness.server import Server, free_port


class ConfigFile:
    """A file of root in a directory of root, as the server wants it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "config.yaml"

    def write(self, **settings):
        return self.write_text(yaml.safe_dump(
            {key.replace("_", "-"): value for key, value in settings.items()}))

    def write_text(self, text):
        # In its place at once: a server may be about to read it.
        new = self.folder / "new"
        new.write_text(text)
        new.chmod(0o644)
        new.rename(self.path)
        return self

    @property
    def flags(self):
        return ["--config", str(self.path)]


@pytest.fixture
def config():
    folder = tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run")
    os.chmod(folder, 0o755)
    yield ConfigFile(folder)
    shutil.rmtree(folder)


def run(*arguments, user=None):
    command = [str(word) for word in [paths.SERVER, *arguments]]
    return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                           *command] if user else command, capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)


def check(config, *arguments, user=None):
    return run("--check", *config.flags, "--libexec-dir", paths.BIN, *arguments, user=user)


class FileServer(Server):
    """Everything is in the file; the command line only names it."""

    def __init__(self, starter, config, **settings):
        super().__init__(starter.keyring, starter.folder / "file-server", starter.incus)
        starter.running.append(self)
        self.config = config
        self.other_port = free_port()
        config.write(listen=[f"{self.address}:{self.port}", f"127.0.0.2:{self.other_port}"],
                     host_key=[str(key.path) for key in self.host_keys],
                     libexec_dir=str(paths.BIN), run_dir=str(self.folder / "run"), **settings)

    def argv(self):
        return [str(paths.SERVER), *self.config.flags]


def reload(server, event="reloaded", count=1):
    server.process.send_signal(signal.SIGHUP)
    return server.log.wait_for(event, count)


@pytest.mark.expect_logins(0)
def test_check_accepts_what_is_right(config, keyring, system_users):
    config.write(groups=["incus"], host_key=str(keyring.get("ed25519", name="host").path))
    result = check(config)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.expect_logins(0)
def test_check_lists_every_mistake_with_its_place(config):
    config.write_text("sauce: 1\ngruops: x\ndebug: maybe\nmax-auth-tries: 0\n")
    result = check(config)
    assert result.returncode not in (0, None) and result.stdout == ""
    assert result.stderr.splitlines() == [
        f"ssh2incus: {config.path}:1:1: unknown key 'sauce'",
        f"ssh2incus: {config.path}:2:1: unknown key 'gruops'; did you mean 'groups'?",
        f"ssh2incus: {config.path}:3:8: 'debug' takes true or false",
        f"ssh2incus: {config.path}:4:17: 'max-auth-tries': Value 0 not in range 1 to 60"]


@pytest.mark.expect_logins(0)
def test_check_looks_at_the_files_that_the_configuration_names(config, keyring, tmp_path):
    no_key = tmp_path / "no-key"
    no_key.write_text("no key\n")
    no_key.chmod(0o600)
    config.write(host_key=[str(no_key), "/nonexistent"])
    result = run("--check", *config.flags, "--libexec-dir", "/nowhere")
    assert result.returncode not in (0, None)
    for name in [str(no_key), "/nonexistent", "/nowhere/ssh2incus-sessiond"]:
        assert name in result.stderr, result.stderr
    config.write(host_key=str(keyring.get("ed25519", name="host").path),
                 host_key_algorithms=["rsa-sha2-512"])
    assert "no host key can sign" in check(config).stderr


@pytest.mark.expect_logins(0)
def test_check_needs_no_root(config, keyring, system_users):
    config.write(host_key=str(keyring.get("ed25519", name="host").path))
    if subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test", "-x",
                       paths.BIN / "ssh2incus-sessiond"]).returncode:
        pytest.skip("nobody can't reach the build directory")
    result = check(config, user=65534)
    assert result.returncode == 0, result.stderr
    assert "not checked" in result.stdout and "host" in result.stdout
    config.write(groups="a b")
    assert f"{config.path}:1:9: groups: 'a b'" in check(config, user=65534).stderr


@pytest.mark.expect_logins(0)
def test_dump_is_a_configuration_that_says_the_same(config):
    first = run("--dump", "--groups", "incus,ops", "--max-startups", "1:2:3", "-d",
                "--penalties", "crash:7")
    assert first.returncode == 0, first.stderr
    loaded = yaml.safe_load(first.stdout)
    assert loaded["groups"] == ["incus", "ops"] and loaded["debug"] is True
    assert loaded["max-startups"] == "1:2:3" and loaded["penalties"] == ["crash:7"]
    config.write_text(first.stdout)
    assert run("--dump", *config.flags).stdout == first.stdout
    assert run("--dump", *config.flags, "--debug=false").stdout == \
        first.stdout.replace("debug: true", "debug: false")


@pytest.mark.expect_logins(2)
def test_server_runs_by_its_file(config, start_server, root_key):
    server = FileServer(start_server, config, accept_env=["S2I_*"]).start()
    client = Client(server, root_key)
    assert client.output("echo $S2I_A$LANG", options=["SetEnv=S2I_A=x LANG=y"]) == "x\n"
    other = server.other_port
    server.known_hosts.write_text("".join(
        f"[127.0.0.2]:{other} {' '.join(key.public.split()[:2])}\n" for key in server.host_keys))
    server.port, server.address = other, "127.0.0.2"
    assert Client(server, root_key).output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_algorithms_are_those_of_the_file(config, start_server, root_key, keyring):
    config.write(ciphers=["aes256-ctr"], key_exchange=["curve25519-sha256"],
                 macs="hmac-sha2-512-etm@openssh.com", host_key_algorithms=["rsa-sha2-256"],
                 pubkey_accepted_algorithms=["ssh-ed25519"])
    server = start_server(*config.flags)
    client = Client(server, root_key)
    assert client.output("echo in") == "in\n"
    for option, word in [("Ciphers=aes128-ctr", "cipher"), ("KexAlgorithms=ecdh-sha2-nistp256",
                                                            "key exchange"),
                         ("MACs=hmac-sha2-256-etm@openssh.com", "MAC"),
                         ("HostKeyAlgorithms=ssh-ed25519", "host key")]:
        refused = client.but(source=fresh_source()).run("true", options=[option])
        assert refused.returncode == 255 and f"no matching {word}" in refused.stderr.decode()


@pytest.mark.expect_logins(0)
def test_key_algorithm_that_the_file_leaves_out_is_refused(config, start_server, root_key):
    config.write(pubkey_accepted_algorithms=["rsa-sha2-512"])
    server = start_server(*config.flags)
    result = Client(server, root_key, source=fresh_source()).run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr


@pytest.mark.expect_logins(3)
def test_reload_is_for_new_logins_and_leaves_live_ones_alone(config, start_server, users, keyring):
    member, key = users["member"], keyring.get("ed25519", name="reload")
    member.write_keys(key.public)
    config.write(groups=["incus"])
    server = start_server(*config.flags)
    client = Client(server, key, login=f"c1+{member.name}", source=fresh_source())
    with client.master() as (through, process):
        assert through.output("echo one") == "one\n"
        config.write(groups=["incus-admin"])
        reload(server)
        assert client.but(source=fresh_source()).run("true").returncode == 255
        assert through.output("echo two") == "two\n"
        assert process.poll() is None
        config.write(groups=["incus", "incus-admin"])
        reload(server, count=2)
        assert client.output("echo three") == "three\n"
        config.write(groups=["incus"], no_penalties=True)
        reload(server, count=3)
        assert client.output("echo four") == "four\n"
        assert through.output("echo five") == "five\n"
    assert server.log.events("auth_failed")


@pytest.mark.expect_logins(2)
def test_broken_file_leaves_the_old_configuration_in_force(config, start_server, root_key):
    config.write(accept_env=["S2I_*"])
    server = start_server(*config.flags)
    client = Client(server, root_key)
    config.write_text("accept-env: []\nlogin-grace-time: 1h\n")
    failed = reload(server, "reload_failed")[0]
    assert (failed.file, failed.line, failed.column) == (str(config.path), "2", "19")
    assert "login-grace-time" in failed.reason
    assert client.output("echo $S2I_A", options=["SetEnv=S2I_A=x"]) == "x\n"
    config.path.chmod(0o666)
    failed = reload(server, "reload_failed", 2)[1]
    assert failed.file == str(config.path) and "written by others" in failed.reason
    config.write(host_key="/nonexistent")  # the command line wins, so nothing is wrong with it
    reload(server)
    assert client.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_reload_says_what_needs_a_restart(config, start_server, root_key):
    server = FileServer(start_server, config)
    settings = yaml.safe_load(config.path.read_text())
    server.start()
    settings.update({"listen": "127.0.0.1:1", "master": True, "max-auth-tries": 3})
    config.write(**settings)
    reload(server)
    assert server.log.wait_for("restart_needed")[0].settings == "listen,master"
    assert Client(server, root_key).output("echo in") == "in\n"
    settings["host-key"] = "/nonexistent"
    config.write(**settings)
    assert "/nonexistent" in reload(server, "reload_failed")[0].reason


@pytest.mark.expect_logins(0)
def test_file_that_others_could_have_written_is_refused(config):
    config.write(debug=True)
    assert run("--dump", *config.flags).returncode == 0
    for spoil, mend in [(lambda: config.path.chmod(0o664), lambda: config.path.chmod(0o644)),
                        (lambda: os.chown(config.path, 65534, 0),
                         lambda: os.chown(config.path, 0, 0)),
                        (lambda: config.folder.chmod(0o757), lambda: config.folder.chmod(0o755)),
                        (lambda: os.chown(config.folder, 65534, 0),
                         lambda: os.chown(config.folder, 0, 0))]:
        spoil()
        result = run("--dump", *config.flags)
        assert result.returncode not in (0, None) and result.stdout == ""
        assert str(config.path) in result.stderr, result.stderr
        mend()
    assert run("--dump", *config.flags).returncode == 0
    config.path.unlink()
    assert "no such file" in run("--dump", *config.flags).stderr
    os.mkfifo(config.path)
    assert "not a regular file" in run("--dump", *config.flags).stderr


@pytest.mark.expect_logins(1)
def test_penalties_are_those_of_the_file_and_change_with_it(config, start_server, root_key,
                                                            keyring):
    settings = {"per_source_net_block_size": "24:64", "penalties": {"authfail": 60, "min": 30}}
    config.write(**settings)
    server = start_server(*config.flags)
    stranger = Client(server, keyring.get("ed25519", name="stranger"))
    assert stranger.but(source="127.78.1.1").run("true").returncode == 255
    penalty = server.log.wait_for("penalty")[0]
    assert penalty.reason == "authfail" and penalty.refused == "yes"
    # The neighbour in the same block is held to be the same source.
    assert stranger.but(source="127.78.1.2").run("true").returncode == 255
    server.log.wait_for("connection_refused", source="127.78.1.2")
    config.write(no_penalties=True)
    reload(server)
    assert Client(server, root_key, source="127.78.1.1").output("echo in") == "in\n"
