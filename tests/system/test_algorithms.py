"""Keys, key exchanges, ciphers: what is offered works, what is outdated is refused."""
import subprocess

import pytest

from harness.client import Client, fresh_source

KEX = ["mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
       "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"]
CIPHERS = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
           "aes128-ctr", "aes256-ctr"]


def supported(kind):
    """What this machine's client knows."""
    return subprocess.run(["ssh", "-Q", kind], capture_output=True, text=True,
                          check=True).stdout.split()


def offers(server, source):
    """The server's KEXINIT as lists of names, by what they are for."""
    result = Client(server, None, "c1", source).run(
        "true", options=["LogLevel=DEBUG2", "PreferredAuthentications=none"])
    lines = result.stderr.decode().split("peer server KEXINIT proposal")[1].splitlines()
    found = {}
    for line in lines[1:9]:
        name, values = line.removeprefix("debug2: ").split(": ", 1)
        found[name] = values.split(",")
    return found


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kind, bits, algorithm", [
    ("ed25519", None, "ssh-ed25519"), ("ecdsa", 256, "ecdsa-sha2-nistp256"),
    ("ecdsa", 384, "ecdsa-sha2-nistp384"), ("ecdsa", 521, "ecdsa-sha2-nistp521"),
    ("rsa", 3072, "rsa-sha2-256"), ("rsa", 3072, "rsa-sha2-512"), ("rsa", 4096, "rsa-sha2-512"),
])
def test_user_key(member, users, keyring, kind, bits, algorithm):
    key = keyring.get(kind, bits)
    users["member"].write_keys(key.public)
    client = member.but(key=key, options=[f"PubkeyAcceptedAlgorithms={algorithm}"])
    assert client.output("echo in") == "in\n"
    login, = member.server.log.events("auth_succeeded")
    assert login.method == "publickey" and login.fingerprint == key.fingerprint


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("kind, bits, options", [
    ("rsa", 1024, ["RequiredRSASize=1024"]),
    ("rsa", 3072, ["PubkeyAcceptedAlgorithms=ssh-rsa"]),
])
def test_outdated_user_key_is_refused(member, users, keyring, kind, bits, options):
    key = keyring.get(kind, bits)
    users["member"].write_keys(key.public)
    assert member.but(key=key).run("true", options=options).returncode == 255


@pytest.mark.expect_logins(0)
def test_only_modern_algorithms_are_offered(server):
    found = offers(server, fresh_source())
    kex = [name for name in found["KEX algorithms"] if not name.startswith(("ext-info", "kex-"))]
    assert kex[:2] == KEX[:2] or kex[0] == KEX[0]
    assert set(kex) <= set(KEX) | {"curve25519-sha256@libssh.org", "mlkem768nistp256-sha256",
                                   "mlkem1024nistp384-sha384", "sntrup761x25519-sha512"}
    assert "kex-strict-s-v00@openssh.com" in found["KEX algorithms"]
    assert "ssh-rsa" not in found["host key algorithms"]
    assert set(found["host key algorithms"]) == {"ssh-ed25519", "ecdsa-sha2-nistp256",
                                                 "rsa-sha2-512", "rsa-sha2-256"}
    for name in found["ciphers stoc"]:
        assert "cbc" not in name and "3des" not in name and "arcfour" not in name
    for name in found["MACs stoc"]:
        assert "md5" not in name and "-96" not in name and name not in ("hmac-sha1", "none")
    assert found["compression stoc"] == ["none"]


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kex", KEX)
def test_key_exchange(ssh, kex):
    if kex not in supported("kex"):
        pytest.skip(f"not possible here: this client doesn't know {kex}")
    assert ssh.output("echo in", options=[f"KexAlgorithms={kex}"]) == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("option", [
    "KexAlgorithms=diffie-hellman-group1-sha1", "KexAlgorithms=diffie-hellman-group-exchange-sha256",
    "KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "Ciphers=3des-cbc",
    "MACs=hmac-md5", "MACs=hmac-sha1", "HostKeyAlgorithms=ssh-rsa",
])
def test_outdated_algorithm_is_refused(server, root_key, option):
    options = [option] + (["Ciphers=aes128-ctr"] if option.startswith("MACs") else [])
    result = Client(server, root_key, source=fresh_source()).run("true", options=options)
    assert result.returncode == 255 and b"no matching" in result.stderr, result.stderr


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_cipher(ssh, cipher):
    data = bytes(range(256)) * 4096
    assert ssh.run("cat", input=data, options=[f"Ciphers={cipher}"]).stdout == data


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("mac", ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
                                 "hmac-sha2-256", "hmac-sha2-512"])
def test_mac(ssh, mac):
    assert ssh.output("echo in", options=["Ciphers=aes256-ctr", f"MACs={mac}"]) == "in\n"


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512",
                                       "rsa-sha2-256"])
def test_host_key(ssh, algorithm):
    # StrictHostKeyChecking with the true public keys: a wrong signature or key fails here.
    assert ssh.output("echo in", options=[f"HostKeyAlgorithms={algorithm}"]) == "in\n"


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("kind, bits", [("ecdsa", 384), ("ecdsa", 521)])
def test_other_host_keys(start_server, keyring, root_key, kind, bits):
    server = start_server(host_keys=[keyring.get(kind, bits, name="host")])
    client = Client(server, root_key)
    assert client.output("echo in") == "in\n"
    assert client.output("wc -c", input=b"x" * 2000000,
                         options=["RekeyLimit=512K", "KexAlgorithms=curve25519-sha256"]).strip() == "2000000"


@pytest.mark.expect_logins(1)
def test_user_keys_that_are_tried_before_the_right_one(member, users, keyring):
    others = [keyring.get("ed25519", name=f"other{number}") for number in range(4)]
    options = [f"IdentityFile={key.path}" for key in others]
    assert member.output("echo in", options=options) == "in\n"
