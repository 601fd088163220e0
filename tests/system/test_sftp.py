"""SFTP by the stock clients and by others: what arrives is what was sent, errors are the right ones,
and a confined user sees nothing but its home."""
import asyncio
import os
import subprocess

import asyncssh
import paramiko
import pytest

from harness.client import Client, fresh_source, wait_until
from harness.tools import Tools, digest_inside, make_tree, tree_digest
from test_access import rule

FILES = 10_000


@pytest.fixture
def alice(server, root_key, incus):
    incus.shell("c1", "rm -rf /home/alice/sftp; mkdir /home/alice/sftp; chown 1001:1001 /home/alice/sftp")
    yield Client(server, root_key, "alice@c1", fresh_source())
    incus.shell("c1", "rm -rf /home/alice/sftp")


@pytest.fixture
def tools(alice, tmp_path):
    return Tools(alice, tmp_path)


def batch(tools, *lines, check=True):
    """The stock sftp; stdout and stderr as text."""
    script = "".join(f"{line}\n" for line in lines).encode()
    result = tools.run("sftp", "-b", "-", "-F", tools.config, "instance", input=script, stdin=None)
    text = (result.stdout + result.stderr).decode()
    assert not check or result.returncode == 0, text
    assert check or result.returncode != 0, text
    return text


@pytest.mark.expect_logins(4)
def test_files_come_back_as_they_were(server, tools, alice, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom((32 << 20) + 12345))
    source.chmod(0o640)
    batch(tools, f"put -p {source} sftp/file", f"get -p sftp/file {tmp_path}/back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o640
    tools.must("scp", "-F", tools.config, source, "instance:sftp/scp")
    tools.must("scp", "-F", tools.config, "instance:sftp/scp", tmp_path / "scp")
    assert (tmp_path / "scp").read_bytes() == source.read_bytes()
    assert alice.output("stat -c '%U %G' sftp/scp") == "alice alice\n"
    assert server.log.events("session_opened", kind="sftp")


@pytest.mark.expect_logins(3)
def test_a_tree_of_ten_thousand_small_files(tools, alice, tmp_path):
    tree = make_tree(tmp_path / "tree", FILES)
    batch(tools, f"put -R {tree} sftp/tree")
    assert digest_inside(alice, "/home/alice/sftp/tree") == tree_digest(tree)
    tools.must("scp", "-r", "-F", tools.config, "instance:sftp/tree", tmp_path / "back")
    assert tree_digest(tmp_path / "back") == tree_digest(tree)


@pytest.mark.expect_logins(1)
def test_the_usual_commands(tools):
    text = batch(tools, "mkdir sftp/d", "cd sftp/d", "pwd", "put /etc/hostname a", "chmod 600 a",
                 "ln -s a link", "ln a hard", "rename a b", "ls -l", "df", "rm b", "rm hard",
                 "rm link", "cd ..", "rmdir d", "ls")
    assert "/home/alice/sftp/d" in text and "-rw-------" in text


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("line, words", [
    ("get /root/secret /dev/null", "not found"),
    ("put /etc/hostname /root/x", "ermission denied"),
    ("get /nonexistent /dev/null", "not found"),
    ("rmdir /home", "Permission denied"),
])
def test_errors_are_told(tools, incus, line, words):
    incus.shell("c1", "echo s >/root/secret; chmod 600 /root/secret")
    text = batch(tools, line, check=False)
    assert words in text, text


@pytest.mark.expect_logins(2)
def test_a_full_file_system_is_told_and_harms_nothing_else(tools, alice, incus, tmp_path):
    incus.shell("c1", "mkdir -p /mnt/small && mount -t tmpfs -o size=1m,mode=777 none /mnt/small")
    try:
        large = tmp_path / "large"
        large.write_bytes(bytes(4 << 20))
        text = batch(tools, f"put {large} /mnt/small/large", check=False)
        assert "No space left" in text or "ailure" in text, text
        assert alice.output("echo still here") == "still here\n"
    finally:
        incus.shell("c1", "umount /mnt/small")


@pytest.mark.expect_logins(2)
def test_supplementary_groups_count(tools, alice, incus):
    incus.shell("c1", "mkdir -p /mnt/shared; chown 0:2001 /mnt/shared; chmod 2770 /mnt/shared")
    batch(tools, "put /etc/hostname /mnt/shared/by-alice")
    assert alice.output("cat /mnt/shared/by-alice; rm /mnt/shared/by-alice").strip()


@pytest.mark.expect_logins(2)
def test_a_client_that_dies_in_mid_transfer_leaves_nothing_running(tools, alice, incus, tmp_path, server):
    source = tmp_path / "large"
    source.write_bytes(os.urandom(64 << 20))
    client = subprocess.Popen(["scp", "-l", "20000", "-F", tools.config, source,
                               "instance:sftp/large"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: incus.shell("c1", "stat -c %s /home/alice/sftp/large 2>/dev/null || echo 0")
                   .strip() not in ("", "0"), 15, "the beginning of the transfer")
    finally:
        client.kill()
        client.wait()
    server.wait_idle()
    wait_until(lambda: not incus.runs("c1", "guest-"), 10, "the end of the guest")
    size = int(alice.output("stat -c %s sftp/large"))
    assert 0 < size < 64 << 20
    incus("file", "pull", "c1/home/alice/sftp/large", tmp_path / "part")
    # What is sent side by side may have arrived out of order at the very end.
    whole = (tmp_path / "part").read_bytes()[:-(4 << 20)]
    assert source.read_bytes().startswith(whole)


def paramiko_client(client):
    connection = paramiko.SSHClient()
    connection.load_host_keys(str(client.server.known_hosts))
    connection.connect(client.server.address, client.server.port, client.login,
                       key_filename=str(client.key.path), allow_agent=False, look_for_keys=False,
                       timeout=20)
    return connection


@pytest.mark.expect_logins(1)
def test_paramiko_with_many_requests_and_offsets_beyond_4_gib(alice, tmp_path):
    with paramiko_client(alice) as connection, connection.open_sftp() as sftp:
        content = os.urandom(8 << 20)
        with sftp.open("sftp/p", "wb") as file:
            file.set_pipelined(True)
            file.write(content)
        with sftp.open("sftp/p", "rb") as file:
            file.prefetch()
            assert file.read() == content
        # 10 GB with a hole: sizes and offsets are 64 bits wide.
        end = 10 << 30
        with sftp.open("sftp/sparse", "wb") as file:
            file.seek(end - 4)
            file.write(b"tail")
        assert sftp.stat("sftp/sparse").st_size == end
        with sftp.open("sftp/sparse", "rb") as file:
            file.seek(end - 8)
            assert file.read(100) == b"\0\0\0\0tail"
            file.seek(1 << 32)
            assert file.read(10) == bytes(10)


@pytest.mark.expect_logins(1)
def test_asyncssh_with_names_of_any_bytes(alice, tmp_path):
    names = [b"\xff\xfe", b"new\nline", b" blank ", b"\xe4\xb8\xad", b"quote'\"", b"\x01\x7f", b"-rf"]

    async def work():
        async with asyncssh.connect(alice.server.address, alice.server.port, username=alice.login,
                                    client_keys=[str(alice.key.path)],
                                    known_hosts=str(alice.server.known_hosts)) as connection:
            async with connection.start_sftp_client() as sftp:
                for name in names:
                    async with sftp.open(b"sftp/" + name, "wb") as file:
                        await file.write(name)
                listed = {entry for entry in await sftp.listdir(b"sftp")} - {b".", b".."}
                assert listed == set(names)
                for name in names:
                    async with sftp.open(b"sftp/" + name, "rb") as file:
                        assert await file.read() == name
                    await sftp.remove(b"sftp/" + name)

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.expect_logins(1)
def test_lftp(tools, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 << 20))
    script = (f'set sftp:connect-program "ssh -a -x -F {tools.config}"; open sftp://instance; '
              f"put {source} -o sftp/lftp; get sftp/lftp -o {tmp_path}/back; bye")
    tools.must("lftp", "-c", script)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.expect_logins(2)
def test_curl(alice, tools, keyring, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 << 20))
    url = f"sftp://{alice.server.address}:{alice.server.port}/home/alice/sftp/curl"
    login = ["--insecure", "--silent", "--show-error", "--user", f"{alice.login}:", "--key",
             alice.key.path, "--pubkey", f"{alice.key.path}.pub"]
    (tmp_path / "pub").write_text(alice.key.public + "\n")
    login[-1] = tmp_path / "pub"
    tools.must("curl", *login, "--upload-file", source, url)
    tools.must("curl", *login, "--output", tmp_path / "back", url)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.expect_logins(3)
def test_confined_users_see_their_home_alone(start_server, root_key, incus, tmp_path):
    server = start_server("--chroot-sftp")
    incus.shell("c1", "rm -rf /home/alice/*; echo own >/home/alice/own; "
                      "ln -s /etc/passwd /home/alice/out; ln -s ../../etc /home/alice/up; "
                      "ln -s /own /home/alice/in; chown -h 1001:1001 /home/alice/*")
    try:
        tools = Tools(Client(server, root_key, "alice@c1", fresh_source()), tmp_path)
        text = batch(tools, "pwd", f"get in {tmp_path}/in", "ls -l /", f"put {tools.config} /new")
        assert "Remote working directory: /\n" in text and "out" in text
        assert (tmp_path / "in").read_text() == "own\n"
        assert incus.shell("c1", "stat -c %U /home/alice/new").strip() == "alice"
        text = batch(tools, *[f"-get {path} {tmp_path}/leak" for path in
                              ("/etc/passwd", "up/passwd", "../../../etc/passwd", "out")])
        assert not (tmp_path / "leak").exists(), text
        root = Tools(Client(server, root_key, "c1", fresh_source()), tmp_path)
        assert "/root" in batch(root, "pwd", "ls /etc/passwd")
    finally:
        incus.shell("c1", "rm -rf /home/alice/*")


@pytest.mark.expect_logins(4)
def test_internal_sftp_as_the_forced_command(server, users, keyring, tmp_path):
    key = keyring.get("ed25519", name="sftponly")
    member = users["member"]
    member.write_keys(f'restrict,command="internal-sftp -R" {key.public}')
    client = Client(server, key, f"alice@c1+{member.name}", fresh_source())
    tools = Tools(client, tmp_path)
    assert "/home/alice" in batch(tools, "pwd", "ls /")
    assert "ermission denied" in batch(tools, "put /etc/hostname x", check=False)
    for command in ("id", ""):
        result = client.run(*([command] if command else []))
        assert result.returncode != 0 and b"sftp connections only" in result.stdout + result.stderr


@pytest.mark.expect_logins(2)
def test_where_the_policy_allows_no_sftp(start_server, access, users, keyring, tmp_path):
    key = keyring.get("ed25519", name="nosftp")
    member = users["member"]
    member.write_keys(key.public)
    server = start_server("--access", access.write(rule("r", allow=["exec"], users=member.name)))
    client = Client(server, key, f"c1+{member.name}", fresh_source())
    text = batch(Tools(client, tmp_path), "pwd", check=False)
    assert "file transfer (sftp) is not allowed here" in text
    assert client.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_other_subsystems_are_refused(alice):
    result = alice.run("nonsense", options=["-s"])
    assert result.returncode != 0 and b"subsystem request failed" in result.stderr
