"""Which host users may log in: groups, accounts."""
import pytest

from harness.client import Client, fresh_source
from test_authorized_keys import refused


@pytest.fixture
def login_as(server, users, keyring):
    """login_as(who): a client with an accepted key of that host user."""
    key = keyring.get("ed25519", name="member")

    def make(who, login="c1+{}", on=None):
        users[who].write_keys(key.public)
        return Client(on or server, key, login.format(users[who].name), fresh_source())
    return make


@pytest.mark.expect_logins(1)
def test_member_of_incus(login_as):
    assert login_as("member").output("id -un") == "root\n"


@pytest.mark.expect_logins(1)
def test_member_of_incus_admin(login_as):
    assert login_as("admin").output("id -un") == "root\n"


@pytest.mark.expect_logins(1)
def test_tilde_form_of_the_host_user(login_as):
    assert login_as("member", "alice@c1+{}").output("id -un") == "alice\n"


@pytest.mark.expect_logins(0)
def test_user_outside_the_groups(login_as):
    refused(login_as("stranger"))


@pytest.mark.expect_logins(1)
def test_groups_flag(login_as, start_server):
    server = start_server("-g", "incus-admin,users")
    assert login_as("admin", on=server).output("echo in") == "in\n"
    refused(login_as("member", on=server))


@pytest.mark.expect_logins(0)
def test_expired_account(login_as):
    refused(login_as("expired"))


@pytest.mark.expect_logins(0)
def test_user_who_does_not_exist(server, keyring):
    key = keyring.get("ed25519", name="member")
    refused(Client(server, key, "c1+s2i-nobody", fresh_source()))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("who", ["daemon", "ssh2incus", "nobody"])
def test_system_users(server, keyring, who):
    key = keyring.get("ed25519", name="member")
    refused(Client(server, key, f"c1+{who}", fresh_source()))


@pytest.mark.expect_logins(0)
def test_key_of_another_user_is_not_enough(server, users, root_key):
    users["member"].write_keys()
    refused(Client(server, root_key, "c1+s2isys1", fresh_source()))


@pytest.mark.expect_logins(0)
def test_users_that_exist_and_that_do_not_look_the_same(server, users, keyring):
    key = keyring.get("ed25519", name="member")
    users["member"].write_keys()
    shown = [Client(server, key, f"c1+{name}", fresh_source()).run("true").stderr
             for name in ("s2isys1", "s2i-nobody")]
    assert shown[0].replace(b"s2isys1", b"X") == shown[1].replace(b"s2i-nobody", b"X")


@pytest.mark.expect_logins(0)
def test_users_that_exist_and_that_do_not_take_the_same_time(server, users, keyring):
    import statistics
    import time

    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(
        str(keyring.get("ed25519", name="member").path))
    users["member"].write_keys("# no key")
    times = {"s2isys1": [], "s2i-nobody": [], "s2isys2": []}
    for _ in range(12):
        for name, samples in times.items():
            import socket
            stream = socket.create_connection((server.address, server.port), 10,
                                              (fresh_source(), 0))
            with paramiko.Transport(stream) as transport:
                transport.start_client(timeout=20)
                begin = time.monotonic()
                with pytest.raises(paramiko.AuthenticationException):
                    transport.auth_publickey(f"c1+{name}", key)
                samples.append(time.monotonic() - begin)
    medians = {name: statistics.median(samples) for name, samples in times.items()}
    slowest, fastest = max(medians.values()), min(medians.values())
    assert slowest - fastest < 0.004 + 0.3 * fastest, medians
