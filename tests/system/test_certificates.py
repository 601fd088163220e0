"""User certificates, made by the stock ssh-keygen, used by the stock ssh and by
other clients."""
import asyncio
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

import asyncssh
import paramiko
import pytest

from conftest import Starter
from harness.authority import Authority
from harness.client import Client, fresh_source, wait_until

LOGIN = "c1+s2isys1"


@pytest.fixture(scope="module")
def etc():
    """A directory that only root can write, up to the root: what the administrator's files need."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ca(keyring, etc):
    return Authority(keyring.get("ed25519", name="ca"), etc / "certificates")


@pytest.fixture(scope="module")
def ca_files(ca, etc):
    """Trusted CAs, and a list of revoked keys that is empty."""
    (etc / "cas").write_text("# the tests' own\n" + ca.key.public + "\n")
    (etc / "revoked").write_text("# none\n")
    return ["--trusted-user-ca-keys", str(etc / "cas"), "--revoked-keys", str(etc / "revoked")]


@pytest.fixture(scope="module")
def shared_server(keyring, incus, system_users, ca_files):
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-") as folder:
        pathlib.Path(folder).chmod(0o755)
        starter = Starter(keyring, folder, incus)
        yield starter(*ca_files, "--max-startups", "100:30:200")
        starter.stop()


@pytest.fixture
def user(users):
    """A member without any key."""
    users["member"].write_keys("# none")
    return users["member"]


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="certified")


@pytest.fixture
def client(server, user):
    """client(key): the stock client as s2isys1, with a source of its own."""
    return lambda key, **settings: Client(server, key, LOGIN, fresh_source(), **settings)


def why_refused(client):
    """The reasons in the log for which the client, which has a source of its own, isn't let in."""
    result = client.run("true")
    assert result.returncode == 255 and b"Permission denied" in result.stderr, result.stderr

    def events(name):
        return [event for event in client.server.log.events(name)
                if (event.source or "").startswith(client.source + ":")]
    wait_until(lambda: events("connection_closed"), what="the connection's end in the log")
    return " / ".join(event.reason for event in events("auth_failed"))


@pytest.mark.expect_logins(1)
def test_certificate_of_a_trusted_ca(client, ca, key, server):
    certified = ca.certify(key, identity="anna's laptop", serial=4711, principals="other,s2isys1")
    assert client(certified).output("echo in") == "in\n"
    event, = server.log.wait_for("auth_succeeded")
    assert event.cert_id == "anna's laptop" and event.cert_serial == "4711"
    assert event.cert_ca == ca.key.fingerprint and event.fingerprint == key.fingerprint
    assert event.principal == "s2isys1" and event.key_from.endswith("/cas:2")
    assert event.algorithm == "ssh-ed25519-cert-v01@openssh.com"


KINDS = [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072)]


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kind, bits", KINDS)
def test_certificates_of_every_type_of_key(client, ca, keyring, kind, bits, server):
    certified = ca.certify(keyring.get(kind, bits, name="certified"))
    assert client(certified).output("echo in") == "in\n"
    if kind == "rsa":
        event, = server.log.wait_for("auth_succeeded")
        assert event.algorithm == "rsa-sha2-512-cert-v01@openssh.com"


@pytest.mark.expect_logins(1)
def test_rsa_certificate_by_sha256(client, ca, keyring, server):
    certified = ca.certify(keyring.get("rsa", 3072, name="certified"))
    algorithm = "rsa-sha2-256-cert-v01@openssh.com"
    options = [f"PubkeyAcceptedAlgorithms={algorithm}"]
    assert client(certified, options=options).output("echo in") == "in\n"
    assert server.log.wait_for("auth_succeeded")[0].algorithm == algorithm


@pytest.mark.expect_logins(4)
def test_cas_of_every_type_of_key(start_server, user, keyring, etc, key):
    cas = [Authority(keyring.get(kind, bits, name="ca"), etc / "certificates2")
           for kind, bits in KINDS if kind != "ed25519"]
    (etc / "cas2").write_text("".join(ca.key.public + "\n" for ca in cas))
    server = start_server("--trusted-user-ca-keys", str(etc / "cas2"))
    for ca in cas:
        assert Client(server, ca.certify(key), LOGIN, fresh_source()).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_ca_signature_with_sha1(client, keyring, etc, key, start_server, user):
    weak = Authority(keyring.get("rsa", 3072, name="ca"), etc / "weak")
    (etc / "cas3").write_text(weak.key.public + "\n")
    server = start_server("--trusted-user-ca-keys", str(etc / "cas3"))
    folder = weak.certify(key).path.parent
    made = subprocess.run(["ssh-keygen", "-q", "-s", weak.key.path, "-t", "ssh-rsa", "-I", "weak",
                           "-n", "s2isys1", folder / "id.pub"], capture_output=True)
    assert made.returncode == 0, made.stderr
    weakly = weak.certify(key)
    shutil.copy(folder / "id-cert.pub", weakly.certificate)
    result = Client(server, weakly, LOGIN, fresh_source(),
                    ["CASignatureAlgorithms=+ssh-rsa"]).run("true")
    assert result.returncode == 255
    assert any("SHA-1" in (event.reason or "") for event in server.log.wait_for("auth_failed"))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("settings, reason", [
    ({"principals": "root"}, "no principal"),
    ({"principals": "s2isys"}, "no principal"),
    ({"principals": None}, "names no principals"),
    ({"validity": "20200101:20210101"}, "has expired"),
    ({"validity": "20900101:20910101"}, "isn't valid yet"),
    ({"options": ["source-address=10.0.0.0/8"]}, "isn't valid from 127.77."),
    ({"options": ["critical:foo"]}, "critical option foo is unknown"),
    ({"options": ["critical:foo@example.org=bar"]}, "foo@example.org is unknown"),
], ids=str)
def test_certificate_that_is_refused(client, ca, key, settings, reason):
    assert reason in why_refused(client(ca.certify(key, **settings)))


@pytest.mark.expect_logins(0)
def test_certificate_of_another_ca(client, keyring, etc, key, server):
    other = Authority(keyring.get("ed25519", name="other-ca"), etc / "other")
    why_refused(client(other.certify(key)))
    assert server.log.wait_for("auth_failed", cert_ca=other.key.fingerprint)


@pytest.mark.expect_logins(0)
def test_ca_key_itself_is_no_key(client, ca):
    why_refused(client(ca.key))


@pytest.mark.expect_logins(1)
def test_source_address_that_matches(client, ca, key):
    certified = ca.certify(key, options=["source-address=10.0.0.0/8,127.77.0.0/16"])
    assert client(certified).output("echo in") == "in\n"


@pytest.mark.expect_logins(2)
def test_force_command(client, ca, key):
    certified = ca.certify(key, options=["force-command=echo forced: $SSH_ORIGINAL_COMMAND"])
    assert client(certified).output("rm -rf x") == "forced: rm -rf x\n"
    assert client(certified).run().stdout == b"forced:\n"


@pytest.mark.expect_logins(3)
def test_pty_as_the_extensions_say(client, ca, key):
    with_pty = ["-tt"]
    assert b"/dev/pts/" in client(ca.certify(key)).run("tty", options=with_pty).stdout
    for options in (["no-pty"], ["clear"]):
        result = client(ca.certify(key, options=options)).run("echo in", options=with_pty)
        assert b"PTY allocation request failed" in result.stderr


@pytest.mark.expect_logins(1)
def test_unknown_extension_is_ignored(client, ca, key):
    certified = ca.certify(key, options=["extension:foo@example.org=bar"])
    assert client(certified).output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_verify_required_is_about_security_keys(client, ca, key):
    """Other keys have nobody to verify: no matter, as with OpenSSH."""
    assert client(ca.certify(key, options=["verify-required"])).output("echo in") == "in\n"


@pytest.mark.expect_logins(3)
def test_cert_authority_line(client, ca, keyring, etc, key, user, server):
    own = Authority(keyring.get("ed25519", name="own-ca"), etc / "own")
    certified = own.certify(key, principals="s2isys1")
    user.write_keys(f"cert-authority {own.key.public}")
    assert client(certified).output("echo in") == "in\n"
    assert server.log.wait_for("auth_succeeded")[0].key_from.endswith("authorized_keys:1")
    user.write_keys(f'cert-authority,no-pty,command="echo line" {own.key.public}')
    assert client(certified).output("echo in") == "line\n"
    result = client(certified).run("echo in", options=["-tt"])
    assert b"PTY allocation request failed" in result.stderr


@pytest.mark.expect_logins(1)
def test_principals_of_a_cert_authority_line(client, keyring, etc, key, user, server):
    own = Authority(keyring.get("ed25519", name="own-ca"), etc / "own2")
    user.write_keys(f'cert-authority,principals="ops,web" {own.key.public}')
    assert client(own.certify(key, principals="web")).output("echo in") == "in\n"
    assert server.log.wait_for("auth_succeeded")[0].principal == "web"
    why_refused(client(own.certify(key, principals="s2isys1")))
    why_refused(client(own.certify(key, principals=None)))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("options", [
    "", 'cert-authority,from="10.0.0.0/8"', 'cert-authority,expiry-time="20200101"',
    'cert-authority,command="one"',
])
def test_line_that_does_not_let_the_certificate_in(client, keyring, etc, key, user, options):
    own = Authority(keyring.get("ed25519", name="own-ca"), etc / f"own-{len(options)}")
    user.write_keys(f"{options} {own.key.public}".strip())
    why_refused(client(own.certify(key, options=["force-command=two"])))


@pytest.mark.expect_logins(0)
def test_cert_authority_line_is_not_for_its_own_key(client, keyring, user):
    own = keyring.get("ed25519", name="own-ca")
    user.write_keys(f"cert-authority {own.public}")
    why_refused(client(own))


@pytest.mark.expect_logins(0)
def test_plain_line_is_not_for_certificates(client, keyring, etc, key, user, server):
    own = Authority(keyring.get("ed25519", name="own-ca"), etc / "own3")
    user.write_keys(own.key.public)
    why_refused(client(own.certify(key)))


@pytest.mark.expect_logins(2)
def test_authorized_principals_file(start_server, user, ca, ca_files, key):
    server = start_server(*ca_files, "--authorized-principals-file",
                          "~/.ssh/authorized_principals")
    path = user.keys_file.with_name("authorized_principals")

    def client(principals):
        return Client(server, ca.certify(key, principals=principals), LOGIN, fresh_source())
    why_refused(client("s2isys1"))  # no file
    path.write_text("# principals\nops\nno-pty web\n")
    os.chown(path, pwd.getpwnam(user.name).pw_uid, 0)
    assert client("ops").output("echo in") == "in\n"
    result = client("web").run("echo in", options=["-tt"])
    assert b"PTY allocation request failed" in result.stderr
    assert server.log.wait_for("auth_succeeded", 2)[1].principal_from == f"{path}:3"
    why_refused(client("s2isys1"))
    path.chmod(0o666)
    why_refused(client("ops"))


@pytest.mark.expect_logins(1)
def test_authorized_principals_in_etc(start_server, user, ca, ca_files, key, etc):
    server = start_server(*ca_files, "--authorized-principals-file", f"{etc}/principals-%u")
    (etc / f"principals-{user.name}").write_text("ops\n")
    assert Client(server, ca.certify(key, principals="ops"), LOGIN,
                  fresh_source()).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_certificate_and_its_key_are_one_key_in_a_chain(start_server, user, ca, ca_files, key):
    server = start_server(*ca_files, "--auth-methods", "publickey,publickey")
    user.write_keys(key.public)
    result = Client(server, ca.certify(key), LOGIN, fresh_source()).run("echo in")
    assert result.returncode == 255
    assert server.log.wait_for("auth_partial") and not server.log.events("auth_succeeded")


@pytest.mark.expect_logins(1)
def test_certificate_and_another_key_in_a_chain(start_server, user, ca, ca_files, key, keyring):
    other = keyring.get("ecdsa", 256, name="second")
    server = start_server(*ca_files, "--auth-methods", "publickey,publickey")
    user.write_keys(other.public)
    client = Client(server, ca.certify(key), LOGIN, fresh_source(),
                    [f"IdentityFile={other.path}"])
    assert client.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_long_certificate_and_hostile_texts(client, ca, key, server):
    principals = ",".join(["s2isys1", *(f"principal-{number:04}" for number in range(200))])
    identity = "x" * 300 + '"\n level=error event=forged'
    certified = ca.certify(key, principals=principals, identity=identity)
    assert client(certified).output("echo in") == "in\n"
    event, = server.log.wait_for("auth_succeeded")
    assert event.cert_id == "x" * 256
    assert not server.log.events("forged")


@pytest.mark.expect_logins(1)
def test_asyncssh(server, user, ca, key):
    certified = ca.certify(key)

    async def conversation():
        async with asyncssh.connect(
                server.address, server.port, username=LOGIN, known_hosts=None, agent_path=None,
                client_keys=[(str(certified.path), str(certified.certificate))]) as connection:
            return (await connection.run("echo in")).stdout
    assert asyncio.run(conversation()) == "in\n"
    assert server.log.wait_for("auth_succeeded")[0].cert_id == "test"


def by_paramiko(server, certified, command):
    """Offers the certificate whatever it says; the stock client keeps a host's to itself."""
    private = paramiko.Ed25519Key.from_private_key_file(str(certified.path))
    private.load_certificate(str(certified.certificate))
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(server.known_hosts))
        with socket.create_connection((server.address, server.port), 20,
                                      (fresh_source(), 0)) as connection:
            client.connect(server.address, server.port, LOGIN, pkey=private, allow_agent=False,
                           look_for_keys=False, sock=connection)
            return client.exec_command(command)[1].read()


@pytest.mark.expect_logins(1)
def test_paramiko(server, user, ca, key):
    assert by_paramiko(server, ca.certify(key), "echo in") == b"in\n"
    assert server.log.wait_for("auth_succeeded")[0].cert_id == "test"


@pytest.mark.expect_logins(0)
def test_certificate_of_a_host(server, user, ca, key):
    with pytest.raises(paramiko.AuthenticationException):
        by_paramiko(server, ca.certify(key, host=True), "echo in")
    event, = server.log.wait_for("auth_failed", cert_id="test")
    assert event.reason == "the certificate is a host's"
