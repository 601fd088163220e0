"""Clients of other releases and other implementations."""
import shutil
import subprocess

import paramiko
import pytest

from harness import paths
from harness.client import environment

SCRIPT = paths.ROOT / "tests" / "system" / "newer-clients"


@pytest.fixture(scope="module", params=["trixie", "sid"])
def release(request):
    """The root directory of that release's client."""
    result = subprocess.run([SCRIPT, request.param], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.split()[-1]


def in_release(folder, ssh, *command, options=()):
    """Runs that release's ssh as it is: with its own defaults and nothing silenced."""
    for source, name in ((ssh.key.path, "key"), (ssh.server.known_hosts, "known_hosts")):
        target = f"{folder}/root/.ssh/{name}"
        shutil.copy(source, target)
        subprocess.run(["chmod", "600", target], check=True)
    argv = ["chroot", folder, "/usr/bin/ssh", "-F", "none", "-p", str(ssh.server.port),
            "-i", "/root/.ssh/key", "-o", "UserKnownHostsFile=/root/.ssh/known_hosts",
            "-o", "BatchMode=yes", "-l", ssh.login]
    for option in options:
        argv += ["-o", option]
    return subprocess.run([*argv, ssh.server.address, *command], capture_output=True,
                          env=environment({"HOME": "/root"}), input=b"", timeout=60)


@pytest.mark.expect_logins(1)
def test_newer_openssh_logs_in_without_a_warning(release, ssh):
    result = in_release(release, ssh, "hostname; exit 6")
    assert (result.returncode, result.stdout, result.stderr) == (6, b"c1\n", b"")


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("option, wanted", [
    ("", "kex: algorithm: mlkem768x25519-sha256"),
    ("", "will use strict KEX ordering"),
    ("KexAlgorithms=sntrup761x25519-sha512", "kex: algorithm: sntrup761x25519-sha512"),
])
def test_newer_openssh_gets_post_quantum_and_strict_key_exchange(release, ssh, option, wanted):
    options = [option] if option else []
    result = in_release(release, ssh, "true",
                        options=[*options, "LogLevel=DEBUG3", "PubkeyAuthentication=no"])
    assert wanted.encode() in result.stderr, result.stderr[-3000:]


@pytest.mark.expect_logins(1)
def test_dropbear(ssh, keyring, tmp_path):
    converted = tmp_path / "key"
    subprocess.run(["dropbearconvert", "openssh", "dropbear", ssh.key.path, converted],
                   check=True, capture_output=True)
    result = subprocess.run(["dbclient", "-y", "-y", "-i", converted, "-p", str(ssh.server.port),
                             "-l", "c1", ssh.server.address, "cat; exit 9"], input=b"data",
                            capture_output=True, timeout=60,
                            env=environment({"HOME": str(tmp_path)}))
    assert (result.returncode, result.stdout) == (9, b"data"), result.stderr


@pytest.mark.expect_logins(1)
def test_plink(ssh, tmp_path):
    converted = tmp_path / "key.ppk"
    subprocess.run(["puttygen", ssh.key.path, "-o", converted, "-O", "private"], check=True,
                   env=environment({"HOME": str(tmp_path)}), capture_output=True)
    result = subprocess.run(["plink", "-batch", "-ssh", "-hostkey",
                             ssh.server.host_keys[0].fingerprint, "-i", converted, "-P",
                             str(ssh.server.port), "-l", "c1", ssh.server.address, "cat; exit 9"],
                            input=b"data", capture_output=True, timeout=60,
                            env=environment({"HOME": str(tmp_path)}))
    assert (result.returncode, result.stdout) == (9, b"data"), result.stderr


@pytest.mark.expect_logins(1)
def test_paramiko(ssh):
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(ssh.server.known_hosts))
        client.connect(ssh.server.address, ssh.server.port, "c1", key_filename=str(ssh.key.path),
                       allow_agent=False, look_for_keys=False)
        stdin, stdout, stderr = client.exec_command("cat; echo err >&2; exit 9")
        stdin.write(b"data")
        stdin.channel.shutdown_write()
        assert (stdout.read(), stderr.read()) == (b"data", b"err\n")
        assert stdout.channel.recv_exit_status() == 9
