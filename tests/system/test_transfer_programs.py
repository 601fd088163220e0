"""rsync, git and scp -O: programs that run their own other half in the instance. The instance has
Debian's; what happens without them is asked of the busybox instance."""
import filecmp
import hashlib
import os
import subprocess

import pytest

from harness.client import Client, fresh_source, wait_until
from harness.tools import Tools, digest_inside, make_tree, runs_inside, tree_digest

FILES = 10_000


@pytest.fixture
def alice(server, root_key, debian):
    """The stock client to the Debian instance as its user alice."""
    client = Client(server, root_key, f"alice@{debian}", fresh_source())
    yield client


@pytest.fixture
def tools(alice, tmp_path):
    return Tools(alice, tmp_path)


@pytest.fixture
def inside(debian, incus):
    """A directory of alice's for this test."""
    path = "/home/alice/transfer"
    script = f"rm -rf {path} && mkdir {path} && chown alice:alice {path}"
    incus.shell(debian, script)
    yield path
    incus.shell(debian, f"rm -rf {path}")


@pytest.mark.expect_logins(4)
def test_rsync_of_ten_thousand_files_both_ways(alice, tools, inside, tmp_path):
    tree = make_tree(tmp_path / "tree", FILES)
    tools.must("rsync", "-a", "-e", tools.ssh, f"{tree}/", f"instance:{inside}/tree/")
    assert digest_inside(alice, f"{inside}/tree") == tree_digest(tree)
    back = tmp_path / "back"
    tools.must("rsync", "-a", "-e", tools.ssh, f"instance:{inside}/tree/", f"{back}/")
    assert tree_digest(back) == tree_digest(tree)
    assert tree_digest(tree)[1] == FILES
    changed = tools.must("rsync", "-anci", "-e", tools.ssh, f"{tree}/", f"instance:{inside}/tree/")
    assert changed == ""


@pytest.mark.expect_logins(2)
def test_rsync_sends_only_what_changed(tools, inside, tmp_path):
    source = tmp_path / "large"
    source.write_bytes(os.urandom(8 << 20))
    rsync = ["rsync", "-a", "--no-whole-file", "--stats", "-e", tools.ssh, source,
             f"instance:{inside}/large"]
    tools.must(*rsync)
    with open(source, "r+b") as file:
        file.seek(4 << 20)
        file.write(b"changed")
    os.utime(source, (1, 1))
    line = next(line for line in tools.must(*rsync).splitlines() if "Literal data" in line)
    assert int(line.split()[2].replace(",", "")) < 1 << 20, line


@pytest.mark.expect_logins(4)
def test_git_clone_and_push(alice, tools, inside, tmp_path):
    alice.output(f"git init -q --bare -b main {inside}/repository.git")
    url = f"instance:{inside}/repository.git"
    work = tmp_path / "work"
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    tools.must("git", "clone", "-q", url, work)
    make_tree(work / "content", 300)
    (work / "large").write_bytes(os.urandom(3 << 20))
    tools.must("git", "-C", work, "checkout", "-q", "-b", "main")
    tools.must("git", "-C", work, "add", ".")
    tools.must("git", "-C", work, *identity, "commit", "-q", "-m", "One")
    tools.must("git", "-C", work, "push", "-q", "origin", "main")
    other = tmp_path / "other"
    tools.must("git", "clone", "-q", url, other)
    tools.must("git", "-C", other, "fsck", "--strict")
    assert tree_digest(other / "content") == tree_digest(work / "content")
    assert filecmp.cmp(other / "large", work / "large", shallow=False)


@pytest.mark.expect_logins(1)
def test_git_of_a_missing_repository_says_so(tools, inside, tmp_path):
    result = tools.run("git", "clone", f"instance:{inside}/none.git", tmp_path / "none")
    assert result.returncode == 128
    assert b"does not appear to be a git repository" in result.stderr


@pytest.mark.expect_logins(4)
def test_old_scp_both_ways(alice, tools, inside, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(20 << 20))
    scp = ["scp", "-O", "-q", "-F", tools.config]
    tools.must(*scp, source, f"instance:{inside}/file")
    wanted = hashlib.sha256(source.read_bytes()).hexdigest()
    assert alice.output(f"sha256sum {inside}/file").split()[0] == wanted
    tools.must(*scp, f"instance:{inside}/file", tmp_path / "back")
    assert filecmp.cmp(source, tmp_path / "back", shallow=False)
    result = tools.run(*scp, f"instance:{inside}/none", tmp_path / "none")
    assert result.returncode == 1
    assert b"No such file or directory" in result.stderr


@pytest.mark.expect_logins(3)
def test_old_scp_of_a_tree(alice, tools, inside, tmp_path):
    tree = make_tree(tmp_path / "tree", 500)
    scp = ["scp", "-O", "-q", "-r", "-p", "-F", tools.config]
    tools.must(*scp, tree, f"instance:{inside}/tree")
    assert digest_inside(alice, f"{inside}/tree") == tree_digest(tree)
    tools.must(*scp, f"instance:{inside}/tree", tmp_path / "back")
    assert tree_digest(tmp_path / "back") == tree_digest(tree)


@pytest.mark.expect_logins(2)
def test_what_is_missing_in_the_instance_is_told(ssh, tmp_path):
    # The busybox instance has neither.
    tools = Tools(ssh, tmp_path)
    file = tmp_path / "file"
    file.write_text("x")
    result = tools.run("scp", "-O", "-F", tools.config, file, "instance:/tmp/never")
    assert result.returncode != 0
    assert b"scp: not found" in result.stderr
    result = tools.run("rsync", "-e", tools.ssh, file, "instance:/tmp/never")
    assert result.returncode in (12, 127)  # rsync's own, or the shell's if rsync has waited for it
    assert b"rsync: not found" in result.stderr


@pytest.mark.expect_logins(1)
def test_interrupted_rsync_leaves_nothing_running(tools, inside, tmp_path, incus, debian):
    source = tmp_path / "large"
    with open(source, "wb") as file:
        file.truncate(4 << 30)
    process = subprocess.Popen(["rsync", "--bwlimit=2m", "-e", tools.ssh, source,
                                f"instance:{inside}/large"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: runs_inside(incus, debian, "^rsync --server"), 20)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not runs_inside(incus, debian, "^rsync --server"), 20, "the end of rsync inside")
