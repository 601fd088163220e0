"""Users of the host for the tests, made and removed by their fixture, and their key files."""
import grp
import os
import pathlib
import pwd
import shutil
import subprocess

ROOT_KEYS = pathlib.Path("/etc/ssh/authorized_keys.d/root")
MARK = "ssh2incus-system-tests"


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True)


class HostUser:
    """An ordinary user with a home directory under /var/lib/ssh2incus-tests."""

    def __init__(self, name, groups=(), extra=()):
        self.name = name
        self.home = pathlib.Path("/var/lib/ssh2incus-tests") / name
        self.groups = list(groups)
        self.extra = list(extra)

    def create(self):
        self.remove()
        self.home.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["-G", ",".join(self.groups)] if self.groups else []
        run("useradd", "-m", "-d", self.home, "-s", "/bin/sh", *arguments, *self.extra, self.name)
        os.chmod(self.home, 0o755)

    def remove(self):
        try:
            pwd.getpwnam(self.name)
        except KeyError:
            return
        run("userdel", "-f", self.name)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def keys_file(self):
        return self.home / ".ssh" / "authorized_keys"

    def write_keys(self, *lines, mode=0o600, folder_mode=0o700):
        """~/.ssh/authorized_keys with these lines, owned by the user."""
        entry = pwd.getpwnam(self.name)
        folder = self.keys_file.parent
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        os.chmod(self.home, 0o755)
        folder.mkdir()
        self.keys_file.write_text("".join(line + "\n" for line in lines))
        os.chmod(self.keys_file, mode)
        os.chmod(folder, folder_mode)
        for path in (folder, self.keys_file):
            os.chown(path, entry.pw_uid, entry.pw_gid)


class RootKeys:
    """Lines for root in /etc/ssh/authorized_keys.d: marked, added and removed again."""

    def __init__(self, mark=MARK):
        self.mark = mark
        self.made = []

    def add(self, line):
        for folder in (ROOT_KEYS.parent.parent, ROOT_KEYS.parent):
            if not folder.exists():
                folder.mkdir(mode=0o755)
                self.made.append(folder)
        if not ROOT_KEYS.exists():
            self.made.append(ROOT_KEYS)
        with open(ROOT_KEYS, "a") as file:
            file.write(f"{line} {self.mark}\n")
        os.chmod(ROOT_KEYS, 0o644)

    def remove(self):
        if ROOT_KEYS.exists():
            lines = [line for line in ROOT_KEYS.read_text().splitlines(True) if self.mark not in line]
            ROOT_KEYS.write_text("".join(lines))
            if not lines and ROOT_KEYS in self.made:
                ROOT_KEYS.unlink()
        for folder in reversed(self.made):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def make_group(name):
    """True if it had to be made."""
    try:
        grp.getgrnam(name)
        return False
    except KeyError:
        run("groupadd", "--system", name)
        return True
