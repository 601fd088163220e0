"""Creations that take their time: the image comes over a slow line from another Incus."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness.client import wait_until
from harness.images import ImageServer, SlowLine
from harness.process import descendants

SIZE = 30_000_000
SECONDS = 6  # that the image takes


@pytest.fixture(scope="module")
def image_server(incus):
    server = ImageServer()
    server.publish("big/1", lambda root: (root / "root/big").write_bytes(os.urandom(SIZE)))
    yield server
    server.close(os.environ.get("SSH2INCUS_KEEP_INCUS"))


@pytest.fixture
def far(creator, image_server, incus):
    """A client whose server takes images from far away; far.line is the way there."""
    for image in incus.images():
        if not image["aliases"]:  # kept from an earlier download
            incus("image", "delete", image["fingerprint"], check=False)
    line = SlowLine(image_server.port, SIZE / SECONDS)
    shutil.copy(image_server.certificate, creator.folder / "far.pem")
    client = creator(defaults={"image": "far:big/1", "memory": 1}, **{"image-servers": {
        "far": {"url": f"https://127.0.0.1:{line.port}", "protocol": "incus",
                "certificate": "far.pem"}}})
    client.line = line
    yield client
    line.close()


def gateways(server):
    return [process for process in descendants(server.process.pid)
            if process.alive and process.name == "ssh2incus-gateway"]


@pytest.mark.expect_logins(1)
def test_progress_is_updated_in_place_on_a_terminal(far, creator, terminal):
    name = creator.name("cd-terminal")
    screen = terminal(far.argv(login=f"+{name}"))
    screen.expect(r"ssh2incus: creating instance cd-terminal\r\n")
    line = r"ssh2incus: downloading the image: (\d+)% \([\d.]+MB/s\)"
    first = screen.expect(r"\r" + line)
    second = screen.expect(r"\r\x1b\[K" + line)
    assert int(second[1]) > int(first[1])
    screen.expect(r"\r\x1b\[Kssh2incus: starting instance cd-terminal\r\n", timeout=40)
    screen.expect("# ")
    screen.type("hostname; exit 7\r")
    screen.expect("cd-terminal\r\n")
    assert screen.wait() == 7


@pytest.mark.expect_logins(1)
def test_commands_have_plain_lines_on_stderr_and_a_clean_stdout(far, creator):
    name = creator.name("cd-plain")
    result = far.run("hostname", login=f"+{name}", timeout=60)
    assert result.stdout == b"cd-plain\n", result.stderr
    lines = result.stderr.decode().split("\r\n")
    assert lines[0] == "ssh2incus: creating instance cd-plain"
    assert any("downloading the image: " in line for line in lines)
    assert "\x1b" not in result.stderr.decode() and len(lines) < 8, lines


@pytest.mark.expect_logins(1)
def test_ctrl_c_cancels_and_leaves_nothing(far, creator, terminal):
    name = creator.name("cd-cancel")
    screen = terminal(far.argv(login=f"+{name}"))
    screen.expect(r"downloading the image: \d+%")
    screen.type("\x03")
    screen.expect(r"ssh2incus: cancelled\r\n")
    assert screen.wait() == 130
    creator.assert_nothing_left(name)
    wait_until(lambda: not gateways(creator.server), 20, "the gateway's end")
    creator.server.log.wait_for("creation_given_up")
    assert not creator.server.log.events("instance_created")


@pytest.mark.expect_logins(1)
def test_ctrl_c_cancels_for_multiplexed_sessions_too(far, creator, terminal):
    name = creator.name("cd-mux")
    with far.master(login=f"+{name}") as (client, master):
        screen = terminal(client.argv(login=f"+{name}"))
        screen.expect(r"downloading the image: \d+%")
        screen.type("\x03")
        assert screen.wait() == 130
        assert wait_until(lambda: master.poll() is not None, 20, "the end of the connection")
    creator.assert_nothing_left(name)


@pytest.mark.expect_logins(1)
def test_a_client_that_dies_leaves_nothing(far, creator):
    name = creator.name("cd-dies")
    client = far.start("true", login=f"+{name}")
    creator.server.log.wait_for("creation_begun")
    client.kill()
    client.wait()
    creator.assert_nothing_left(name)


@pytest.mark.expect_logins(2)
def test_whoever_waits_for_a_creation_that_is_cancelled_creates_it(far, creator, incus):
    name = creator.name("cd-waits")
    first = far.start("true", login=f"+{name}")
    creator.server.log.wait_for("creation_begun")
    second = far.start("hostname", login=f"+{name}")
    creator.server.log.wait_for("creation_begun", 2)
    first.kill()
    first.wait()
    stdout, stderr = second.communicate(timeout=60)
    assert stdout == b"cd-waits\n", stderr


@pytest.mark.expect_logins(2)
def test_two_downloads_of_one_name_end_in_one_instance(far, creator):
    name = creator.name("cd-race")
    clients = [far.start("hostname", login=f"+{name}")]
    creator.server.log.wait_for("creation_begun")
    with far.master(login=f"+{name}") as (client, _):
        assert client.run("hostname", timeout=60).stdout == b"cd-race\n"
    stdout, stderr = clients[0].communicate(timeout=60)
    assert stdout == b"cd-race\n", stderr
    assert len(creator.server.log.events("instance_created")) == 1


@pytest.mark.expect_logins(1)
def test_a_server_that_does_not_answer_is_told(far, creator):
    name = creator.name("cd-down")
    far.line.close()
    result = far.run("true", login=f"+{name}", timeout=60)
    assert result.returncode == 255 and b"connection refused" in result.stderr, result.stderr
    creator.assert_nothing_left(name)


@contextlib.contextmanager
def small_pool(incus, size):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run"))
    folder.chmod(0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "none", folder],
                   check=True)
    try:
        incus("storage", "create", "small", "dir", f"source={folder}")
        yield "small"
    finally:
        incus("storage", "delete", "small", check=False)
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@pytest.mark.expect_logins(1)
def test_a_full_disk_is_told_and_leaves_nothing(far, creator, incus, image_server):
    far.line.rate = 1e9
    with small_pool(incus, SIZE // 2) as pool:
        creator.write(**{"defaults": {"image": "far:big/1", "devices": {
            "root": {"type": "disk", "path": "/", "pool": pool}}},
            "image-servers": {"far": {"url": f"https://127.0.0.1:{far.line.port}",
                                      "protocol": "incus", "certificate": "far.pem"}}})
        creator.server.process.send_signal(signal.SIGHUP)
        creator.server.log.wait_for("reloaded")
        name = creator.name("cd-full")
        result = far.run("true", login=f"+{name}", timeout=60)
        assert result.returncode == 255, result.stderr
        assert b"can't create instance cd-full: " in result.stderr
        assert b"run out of disk space" in result.stderr, result.stderr
        creator.assert_nothing_left(name)
