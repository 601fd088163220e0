"""The command line."""
import subprocess

import pytest

from harness import paths
from harness.client import Client


def run(*arguments, timeout=10):
    return subprocess.run([paths.SERVER, *arguments], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL)


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_flag(flag):
    result = run(flag)
    assert result.returncode == 0 and result.stderr == ""
    for name in ["auth-methods", "banner", "client-cert", "client-key", "debug", "groups",
                 "healthcheck", "help", "inauth", "listen", "master", "noauth", "password-auth",
                 "pprof", "pprof-listen", "remote", "shell", "socket", "server-cert", "term-mux",
                 "url", "version", "welcome", "allow-create", "chroot-sftp", "idle-timeout",
                 "host-key"]:
        assert f"--{name}" in result.stdout, name


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version(flag):
    result = run(flag)
    assert result.returncode == 0 and "ssh2incus" in result.stdout


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("arguments", [
    ["--no-such-flag"], ["-l"], ["-l", "nonsense"], ["-l", "127.0.0.1:99999"], ["stray"],
    ["--max-startups", "x"], ["--pprof-listen", ":6060"], ["-H", "never"],
    ["-l", "unix:relative"], ["--proxy-protocol-from", "balancer/8"], ["--login-grace-time", "-1"], ["--host-key", "/nonexistent"],
])
def test_bad_command_line_is_refused_with_a_message(arguments):
    result = run(*arguments)
    assert result.returncode not in (0, None)
    assert result.stderr.strip()


@pytest.mark.expect_logins(0)
def test_host_key_that_others_can_read_is_refused(tmp_path, keyring):
    key = keyring.get("ed25519", name="host")
    copy = tmp_path / "key"
    copy.write_bytes(key.path.read_bytes())
    copy.chmod(0o644)
    result = run("-l", "127.0.0.1:0", "--host-key", copy)
    assert result.returncode != 0 and str(copy) in result.stderr


@pytest.mark.expect_logins(0)
def test_port_that_is_taken_says_so(start_server, keyring):
    server = start_server()
    result = run("-l", f"127.0.0.1:{server.port}", "--host-key", server.host_keys[0].path,
                 "--libexec-dir", paths.BIN, "--run-dir", server.folder / "run")
    assert result.returncode != 0
    assert str(server.port) in result.stderr and "in use" in result.stderr


@pytest.mark.expect_logins(1)
def test_pid_file_and_short_forms(start_server, root_key, tmp_path):
    server = start_server("--pid-file", str(tmp_path / "pid"), "-m", "-d", "-g", "incus")
    assert int((tmp_path / "pid").read_text()) == server.pid
    assert Client(server, root_key).output("echo in") == "in\n"
