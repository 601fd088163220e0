"""Host keys are told after the login and proven when asked for, so that clients learn new ones before
the old ones go (OpenSSH's UpdateHostKeys)."""
import struct

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.client import Client, fresh_source, wait_until

PROVE = "hostkeys-prove-00@openssh.com"


def blob(key):
    return paramiko.pkey.PublicBlob.from_string(" ".join(key.public.split()[:2])).key_blob


def string(data):
    return struct.pack(">I", len(data)) + data


class KnownHosts:
    """A file of the client's that knows some of a server's keys."""

    def __init__(self, path, server, keys):
        self.path, self.server = path, server
        path.write_text("".join(f"[{server.address}]:{server.port} {line}\n"
                                for line in map(self.line, keys)))

    @staticmethod
    def line(key):
        return " ".join(key.public.split()[:2])

    def knows(self, keys):
        return all(self.line(key) in self.path.read_text() for key in keys)

    def options(self):
        return [f"UserKnownHostsFile={self.path}", "UpdateHostKeys=yes"]


@pytest.fixture
def learn(root_key, tmp_path):
    """learn(server, known, expected, *options): the client comes to know the expected keys."""
    def connect(server, known, expected, *options):
        file = KnownHosts(tmp_path / "known_hosts", server, known)
        client = Client(server, root_key, "c1", fresh_source())
        with client.master(options=[*file.options(), *options]):
            wait_until(lambda: file.knows(expected), 20, "the client's learning")
        return file
    return connect


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("known, algorithm", [
    (0, "ssh-ed25519"), (1, "ecdsa-sha2-nistp256"), (2, "rsa-sha2-256"), (2, "rsa-sha2-512")])
def test_client_learns_all_host_keys(server, learn, known, algorithm):
    others = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512"
    learn(server, [server.host_keys[known]], server.host_keys,
          f"HostKeyAlgorithms={algorithm},{others}")


@pytest.mark.expect_logins(2)
def test_new_key_is_known_before_the_old_one_goes(start_server, keyring, root_key, learn):
    old, new = keyring.get("ed25519", name="old-host"), keyring.get("ed25519", name="new-host")
    server = start_server(host_keys=[old, new])
    file = learn(server, [old], [old, new])
    server.stop()
    server.host_keys = [new]
    server.start()
    client = Client(server, root_key, "c1", fresh_source())
    assert client.output("echo in", options=file.options()) == "in\n"


@pytest.mark.expect_logins(1)
def test_key_that_cannot_be_used_is_not_told(start_server, learn):
    server = start_server("--host-key-algorithms", "ssh-ed25519,ecdsa-sha2-nistp256")
    ed25519, ecdsa, rsa = server.host_keys
    assert not learn(server, [ed25519], [ed25519, ecdsa]).knows([rsa])


@pytest.fixture
def transport(server, root_key, request):
    """paramiko, logged in, for requests that the stock client doesn't make."""
    connection = paramiko.Transport((server.address, server.port))
    request.addfinalizer(connection.close)
    connection.start_client(timeout=20)
    connection.auth_publickey("c1", paramiko.Ed25519Key.from_private_key_file(str(root_key.path)))
    return connection


@pytest.mark.expect_logins(1)
def test_proof_is_of_this_session(server, transport):
    key = server.host_keys[0]
    answer = transport.global_request(PROVE, (blob(key),), wait=True)
    signature = paramiko.Message(answer.get_string())
    assert not answer.get_remainder()
    assert signature.get_text() == "ssh-ed25519"
    signed = string(PROVE.encode()) + string(transport.session_id) + string(blob(key))
    Ed25519PublicKey.from_public_bytes(blob(key)[-32:]).verify(signature.get_string(), signed)


@pytest.mark.expect_logins(1)
def test_other_keys_are_not_proven(server, transport, keyring, root_key):
    ours = blob(server.host_keys[0])
    foreign = blob(keyring.get("ed25519", name="not-of-this-host"))
    for keys in [(foreign,), (ours, foreign), (b"",), (), (ours,) * 9, (ours[:-1],),
                 (blob(root_key),)]:
        assert transport.global_request(PROVE, keys, wait=True) is None, keys
    # The length of a string that isn't there.
    assert transport.global_request(PROVE, (2 ** 31,), wait=True) is None
    assert transport.global_request(PROVE, (ours,), wait=True) is not None
    assert transport.is_active()


@pytest.mark.expect_logins(1)
def test_proofs_are_given_a_limited_number_of_times(server, transport):
    ours = blob(server.host_keys[0])
    proven = sum(transport.global_request(PROVE, (ours,), wait=True) is not None
                 for _ in range(100))
    assert proven == 64
    channel = transport.open_session(timeout=20)
    channel.exec_command("echo still here")
    assert channel.makefile().read() == b"still here\n"
