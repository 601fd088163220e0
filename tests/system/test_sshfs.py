"""An instance's files mounted by sshfs: what programs do with a file system, over SFTP."""
import hashlib
import os
import subprocess

import pytest

from harness.client import Client, fresh_source, wait_until
from harness.tools import Tools, digest_inside, make_tree, tree_digest


@pytest.fixture
def mounted(server, root_key, incus, tmp_path):
    """A directory of alice's, as the host sees it."""
    incus.shell("c1", "rm -rf /home/alice/fs; mkdir /home/alice/fs; chown 1001:1001 /home/alice/fs")
    tools = Tools(Client(server, root_key, "alice@c1", fresh_source()), tmp_path)
    place = tmp_path / "mount"
    place.mkdir()
    tools.must("sshfs", "-F", tools.config, "instance:fs", place)
    try:
        yield place
    finally:
        subprocess.run(["fusermount3", "-u", place], check=True)
        wait_until(lambda: not os.path.ismount(place), 5)
        incus.shell("c1", "rm -rf /home/alice/fs")


@pytest.fixture
def alice(server, root_key):
    return Client(server, root_key, "alice@c1", fresh_source())


@pytest.mark.expect_logins(2)
def test_files_are_what_they_are_inside(mounted, alice):
    tree = make_tree(mounted / "tree", 200)
    assert digest_inside(alice, "/home/alice/fs/tree") == tree_digest(tree)


@pytest.mark.expect_logins(2)
def test_what_file_systems_can_do(mounted, alice):
    (mounted / "a").write_bytes(b"0123456789")
    with open(mounted / "a", "r+b") as file:  # in place, across what is there
        file.seek(5)
        file.write(b"five and more")
    os.truncate(mounted / "a", 8)
    os.chmod(mounted / "a", 0o640)
    os.utime(mounted / "a", (1000, 2000))
    os.rename(mounted / "a", mounted / "b")
    (mounted / "old").write_bytes(b"old")
    os.rename(mounted / "b", mounted / "old")  # over what is there
    os.symlink("old", mounted / "link")
    os.link(mounted / "old", mounted / "hard")
    assert os.readlink(mounted / "link") == "old"
    assert (mounted / "link").read_bytes() == b"01234fiv"
    assert os.statvfs(mounted).f_blocks > 0
    told = alice.output("cd fs && stat -c '%a %h %Y %s' old && readlink link && ls")
    assert told == "640 2 2000 8\nold\nhard\nlink\nold\n"
    with pytest.raises(FileNotFoundError):
        os.stat(mounted / "nothing")
    with pytest.raises(OSError):
        os.rmdir(mounted)


@pytest.mark.expect_logins(3)
def test_a_large_file_through_the_mount(mounted, alice):
    content = os.urandom(24 << 20)
    (mounted / "large").write_bytes(content)
    wanted = hashlib.sha256(content).hexdigest()
    assert alice.output("sha256sum fs/large").split()[0] == wanted
    alice.output("cp fs/large fs/copy")
    assert hashlib.sha256((mounted / "copy").read_bytes()).hexdigest() == wanted
