"""Key pairs for tests (made once per run by ssh-keygen) and the secrets inside private keys."""
import pathlib
import subprocess
import tempfile

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


class Key:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.public = self.path.with_name(self.path.name + ".pub").read_text().strip()

    @property
    def fingerprint(self):
        output = subprocess.run(["ssh-keygen", "-lf", self.path], check=True, text=True,
                                capture_output=True).stdout
        return output.split()[1]

    def secrets(self):
        """Byte strings that only the holder of the private key knows, as a process would have
        them in memory: as they are encoded, and as little-endian words (bignums)."""
        private = serialization.load_ssh_private_key(self.path.read_bytes(), None)
        if isinstance(private, ed25519.Ed25519PrivateKey):
            raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
            return [private.private_bytes(*raw, serialization.NoEncryption())]
        numbers = private.private_numbers()
        if isinstance(private, rsa.RSAPrivateKey):
            secret_numbers = [numbers.p, numbers.q, numbers.d]
        else:
            assert isinstance(private, ec.EllipticCurvePrivateKey)
            secret_numbers = [numbers.private_value]
        found = []
        for number in secret_numbers:
            size = (number.bit_length() + 7) // 8
            found += [number.to_bytes(size, "big"), number.to_bytes(size, "little")]
        return found


class KeyRing:
    """Makes each kind of key once."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ssh2incus-keys-")
        self.keys = {}

    def get(self, kind="ed25519", bits=None, name="user"):
        identity = f"{name}-{kind}-{bits or ''}"
        if identity not in self.keys:
            path = pathlib.Path(self.folder.name) / identity
            subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-C", identity,
                            "-f", path] + (["-b", str(bits)] if bits else []), check=True)
            self.keys[identity] = Key(path)
        return self.keys[identity]

    def close(self):
        self.folder.cleanup()
