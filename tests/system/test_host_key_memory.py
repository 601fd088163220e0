"""Private host keys are in the monitor's memory, never in sessiond's or the gateway's."""
import pytest

from harness.client import wait_until
from test_walls import after_login, before_login


def all_secrets(server):
    return [secret for key in server.host_keys for secret in key.secrets()]


def assert_only_the_monitor_has_them(server):
    secrets = all_secrets(server)
    monitor, = server.monitors()
    assert monitor.search_memory(secrets) > 0, "this search doesn't find what is there"
    found = {str(process): process.search_memory(secrets)
             for process in server.connection_processes() if process.pid != monitor.pid}
    assert any("sessiond" in name for name in found)
    assert set(found.values()) == {0}, found


@pytest.mark.expect_logins(0)
def test_each_key_can_be_found_where_it_is(server):
    with before_login(server):
        monitor, = server.monitors()
        for key in server.host_keys:
            assert monitor.search_memory(key.secrets()) > 0, key.public
    server.wait_idle()


@pytest.mark.expect_logins(0)
def test_before_login(server):
    with before_login(server):
        assert_only_the_monitor_has_them(server)
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_after_login(ssh, server):
    with after_login(ssh):
        assert_only_the_monitor_has_them(server)
    server.wait_idle()


@pytest.mark.expect_logins(3)
@pytest.mark.parametrize("algorithms", [["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"]])
def test_after_rekeying(ssh, server, algorithms):
    for algorithm in algorithms:
        client = ssh.but(options=[f"HostKeyAlgorithms={algorithm}", "RekeyLimit=256K",
                                  "KexAlgorithms=curve25519-sha256", "LogLevel=DEBUG1"])
        process = client.start("cat >/dev/null; echo done; sleep 60")
        process.stdin.write(b"x" * (3 << 20))
        process.stdin.close()
        assert process.stdout.readline() == b"done\n"
        assert_only_the_monitor_has_them(server)
        process.kill()
        process.wait()
        assert process.stderr.read().count(b"SSH2_MSG_NEWKEYS received") > 2, "no rekeying has happened"
        server.wait_idle()


@pytest.mark.expect_logins(1)
def test_in_the_gateway(ssh, server, incus):
    secrets = all_secrets(server)
    with incus.stopped() as daemon:
        process = ssh.start("echo in")
        try:
            gateway = wait_until(lambda: server.named("ssh2incus-gateway"), 10)[0]
            wait_until(lambda: gateway.status()["Seccomp"] == "2", 5)
            assert gateway.search_memory(secrets) == 0
        finally:
            daemon.resume()
        assert process.communicate(timeout=30)[0] == b"in\n"


@pytest.mark.expect_logins(1)
def test_users_key_material_is_not_written_to_the_log(ssh, server):
    assert ssh.output("true") == ""
    text = server.log.text()
    assert ssh.key.public.split()[1] not in text and ssh.key.fingerprint in text
