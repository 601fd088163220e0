"""Every way to prove who one is, by paramiko and asyncssh, and passwords by dbclient and plink."""
import asyncio
import contextlib
import socket
import subprocess

import asyncssh
import paramiko
import pytest

from harness.authority import Authority
from harness.client import end, environment, fresh_source, wait_until
from test_certificates import etc  # noqa: F401 (a fixture)
from test_instance_auth import Inside, instances  # noqa: F401
from test_instance_password import PASSWORD as INSTANCE_PASSWORD, hash_of, shadow  # noqa: F401
from test_password import PASSWORD, account, password_server, service  # noqa: F401
from test_security_keys import authenticator, enrolled  # noqa: F401


class Paramiko:
    """Offers keys and passwords in the order in which they are given."""

    @staticmethod
    def load(key):
        kinds = {"ssh-ed25519": paramiko.Ed25519Key, "ecdsa-sha2-nistp256": paramiko.ECDSAKey}
        private = kinds[key.public.split()[0]].from_private_key_file(str(key.path))
        if hasattr(key, "certificate"):
            private.load_certificate(str(key.certificate))
        return private

    @staticmethod
    def prove(transport, login, proofs):
        if not proofs:
            transport.auth_none(login)
        for method, proof in proofs:
            if method == "key":
                transport.auth_publickey(login, Paramiko.load(proof))
            elif method == "agent":
                with contextlib.closing(AgentAt(proof)) as agent:
                    transport.auth_publickey(login, agent.get_keys()[0])
            else:
                transport.auth_password(login, proof, fallback=False)

    @staticmethod
    def output(server, login, *proofs):
        """What `id -un` says; None if the login is refused."""
        stream = socket.create_connection((server.address, server.port), 20, (fresh_source(), 0))
        with stream, paramiko.Transport(stream) as transport:
            transport.start_client(timeout=60)
            transport.auth_timeout = 60
            try:
                Paramiko.prove(transport, login, proofs)
            except paramiko.AuthenticationException:
                return None
            if not transport.is_authenticated():
                return None
            channel = transport.open_session()
            channel.exec_command("id -un")
            with channel.makefile() as output:
                return output.read().decode().strip()


class AgentAt(paramiko.agent.AgentSSH):
    """paramiko's own only knows $SSH_AUTH_SOCK."""

    def __init__(self, path):
        super().__init__()
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(str(path))
        self._connect(self.stream)

    def close(self):
        self.stream.close()


class Asyncssh:
    """Chooses by itself which of the keys and passwords to use."""

    @staticmethod
    def output(server, login, *proofs):
        keys = [(str(proof.path), str(proof.certificate)) if hasattr(proof, "certificate")
                else str(proof.path) for method, proof in proofs if method == "key"]
        settings = {
            "client_keys": keys or None,
            "agent_path": next((str(proof) for method, proof in proofs if method == "agent"), None),
            "password": next((proof for method, proof in proofs if method == "password"), None),
            "preferred_auth": "publickey,password"}
        if settings["agent_path"]:
            del settings["client_keys"]

        async def log_in():
            async with asyncssh.connect(
                    server.address, server.port, username=login, config=None,
                    known_hosts=str(server.known_hosts), local_addr=(fresh_source(), 0),
                    **settings) as connection:
                return (await connection.run("id -un")).stdout.strip()
        try:
            return asyncio.run(log_in())
        except asyncssh.PermissionDenied:
            return None


CLIENTS = pytest.mark.parametrize("client", [Paramiko, Asyncssh])


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="others")


@pytest.fixture
def stranger(keyring):
    return keyring.get("ed25519", name="others-stranger")


@pytest.mark.expect_logins(1)
@CLIENTS
def test_instance_key(start_server, instances, key, stranger, client):  # noqa: F811
    Inside(instances).write(key.public)
    server = start_server("--inauth")
    assert client.output(server, "ana@ia1", ("key", stranger)) is None
    assert client.output(server, "ana@ia1", ("key", key)) == "ana"
    assert server.log.events("auth_succeeded")[0].authenticated_by == "instance"


@pytest.mark.expect_logins(1)
@CLIENTS
def test_instance_password(password_server, shadow, client):  # noqa: F811
    shadow(hash_of(INSTANCE_PASSWORD))
    server = password_server("-P", "--inauth")
    assert client.output(server, "ana@ia1", ("password", INSTANCE_PASSWORD + "x")) is None
    assert client.output(server, "ana@ia1", ("password", INSTANCE_PASSWORD)) == "ana"
    assert server.log.events("auth_succeeded")[0].authenticated_by == "instance"


@pytest.mark.expect_logins(1)
@CLIENTS
def test_no_authentication(start_server, client):
    assert client.output(start_server("--noauth"), "c1") == "root"


@pytest.mark.expect_logins(1)
@CLIENTS
def test_two_keys(start_server, users, key, keyring, client):
    other = keyring.get("ecdsa", 256, name="others")
    users["member"].write_keys(key.public, other.public)
    server = start_server("--auth-methods", "publickey,publickey")
    assert client.output(server, "c1+s2isys1", ("key", key)) is None
    assert client.output(server, "c1+s2isys1", ("key", key), ("key", other)) == "root"
    assert server.log.events("auth_partial")


@pytest.mark.expect_logins(1)
@CLIENTS
def test_key_and_password(password_server, account, key, client):  # noqa: F811
    account.write_keys(key.public)
    server = password_server("--auth-methods", "publickey,password")
    login = "c1+s2ipam1"
    assert client.output(server, login, ("password", PASSWORD)) is None
    assert client.output(server, login, ("key", key), ("password", PASSWORD + "x")) is None
    assert client.output(server, login, ("key", key), ("password", PASSWORD)) == "root"


@pytest.mark.expect_logins(1)
@CLIENTS
def test_certificate_and_password(password_server, account, key, keyring, client,  # noqa: F811
                                  etc):  # noqa: F811
    ca = Authority(keyring.get("ed25519", name="others-ca"), etc / client.__name__)
    cas = etc / "others-cas"
    cas.write_text(ca.key.public + "\n")
    account.write_keys("# none")
    server = password_server("--trusted-user-ca-keys", str(cas), "--auth-methods",
                             "publickey,password")
    other = ca.certify(key, principals="other")
    right = ca.certify(key, principals=account.name)
    login = "c1+s2ipam1"
    assert client.output(server, login, ("key", other), ("password", PASSWORD)) is None
    assert client.output(server, login, ("key", right), ("password", PASSWORD)) == "root"
    assert server.log.events("auth_partial")[-1].cert_id == "test"


@pytest.fixture
def agent_with(authenticator, open_folder):  # noqa: F811
    """agent_with(key, behaviour...): the socket of an agent that signs with this security key."""
    with contextlib.ExitStack() as stack:
        def start(key, **behaviour):
            path = open_folder / "agent"
            env = environment({f"AUTHENTICATOR_{name.upper()}": str(value)
                               for name, value in behaviour.items()})
            process = subprocess.Popen(["ssh-agent", "-D", "-a", path, "-P", authenticator],
                                       stdout=subprocess.DEVNULL, env=env)
            stack.callback(path.unlink, missing_ok=True)
            stack.callback(end, process)
            wait_until(path.exists)
            subprocess.run(["ssh-add", "-q", "-S", authenticator, key.path], check=True,
                           env=environment({"SSH_AUTH_SOCK": str(path)}), capture_output=True)
            return path
        yield start


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
@CLIENTS
def test_security_key(server, users, enrolled, agent_with, kind, client):  # noqa: F811
    users["member"].write_keys(enrolled(kind).public)
    agent = agent_with(enrolled(kind))
    assert client.output(server, "c1+s2isys1", ("agent", agent)) == "root"
    event, = server.log.events("auth_succeeded")
    assert event.algorithm == enrolled(kind).public.split()[0]


@pytest.mark.expect_logins(0)
@CLIENTS
def test_security_key_that_nobody_touched(server, users, enrolled, agent_with,  # noqa: F811
                                          client):
    users["member"].write_keys(enrolled("ecdsa-sk").public)
    agent = agent_with(enrolled("ecdsa-sk"), flags=0)
    assert client.output(server, "c1+s2isys1", ("agent", agent)) is None
    assert "wasn't touched" in server.log.wait_for("auth_failed")[-1].reason


def run_with_home(folder, *argv, **env):
    return subprocess.run(argv, input=b"", capture_output=True, timeout=60,
                          env=environment({"HOME": str(folder), **env}))


def dbclient(server, folder, password):
    return run_with_home(folder, "dbclient", "-y", "-y", "-p", str(server.port), "-l",
                         "c1+s2ipam1", server.address, "echo i''n", DROPBEAR_PASSWORD=password)


def plink(server, folder, password):
    return run_with_home(folder, "plink", "-batch", "-ssh", "-hostkey",
                         server.host_keys[0].fingerprint, "-pw", password, "-P", str(server.port),
                         "-l", "c1+s2ipam1", server.address, "echo i''n")


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("client", [dbclient, plink])
def test_password_by_small_clients(password_server, account, tmp_path, client):  # noqa: F811
    server = password_server()
    result = client(server, tmp_path, PASSWORD + "x")
    assert result.stdout == b"", result  # dbclient's exit code is 0 all the same
    assert server.log.wait_for("auth_failed")
    result = client(server, tmp_path, PASSWORD)
    assert (result.returncode, result.stdout) == (0, b"in\n"), result.stderr
