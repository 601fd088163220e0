"""A certificate authority of the tests: certificates, CA files and KRLs by the stock ssh-keygen."""
import itertools
import pathlib
import shutil
import subprocess

from harness.keys import Key


def keygen(*arguments):
    result = subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], capture_output=True,
                            text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, (arguments, result.stderr)


class Authority:
    def __init__(self, key, folder):
        """key signs; certificates are kept below folder."""
        self.key = key
        self.folder = pathlib.Path(folder)
        self.numbers = itertools.count(1)

    def certify(self, key, principals="s2isys1", identity="test", serial=0, options=(),
                validity=None, host=False):
        """A copy of the key with a certificate beside it, where ssh -i finds it."""
        folder = self.folder / f"{self.key.path.name}-{next(self.numbers)}"
        folder.mkdir(parents=True)
        path = folder / "id"
        shutil.copy(key.path, path)
        path.chmod(0o600)
        shutil.copy(f"{key.path}.pub", f"{path}.pub")
        arguments = ["-s", self.key.path, "-I", identity, "-z", serial]
        if principals:
            arguments += ["-n", principals]
        if validity:
            arguments += ["-V", validity]
        if host:
            arguments.append("-h")
        for option in options:
            arguments += ["-O", option]
        keygen(*arguments, f"{path}.pub")
        certified = Key(path)
        certified.certificate = pathlib.Path(f"{path}-cert.pub")
        return certified


def make_krl(path, *files, ca=None, specification=None):
    """The KRL that revokes keys and certificates by file, or what a specification says."""
    arguments = ["-k", "-f", path]
    if ca:
        arguments += ["-s", f"{ca.path}.pub"]
    if specification is not None:
        source = pathlib.Path(f"{path}.spec")
        source.write_text(specification)
        files = [*files, source]
    keygen(*arguments, *files)
