"""Restarts and upgrades without a gap: what is connected stays, what comes is served."""
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import threading

import pytest

from harness import paths
from harness.client import Client, end, fresh_source
from harness.server import Place

MEGABYTE = 1 << 20
UPLOAD = 1024  # MB
FLAGS = ("--no-penalties", "--max-startups", "200")


@pytest.fixture
def place():
    """Run directory and programs that only root can change, all the way up."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def replace_programs(folder):
    """New files under the old names, as a package manager does it."""
    folder.mkdir(exist_ok=True)
    for program in paths.BIN.iterdir():
        if program.suffix != ".debug":
            shutil.copy(program, folder / "new")
            (folder / "new").replace(folder / program.name)
    return folder


class Line:
    """Servers one after the other, on one port."""

    def __init__(self, start_server, *flags, **settings):
        self.start_server, self.flags, self.settings = start_server, flags, settings
        self.now = start_server(*flags, **settings)

    def take_over(self):
        old = self.now
        self.now = self.start_server(*self.flags, "--take-over", port=old.port, **self.settings)
        self.now.log.wait_for("taken_over", result="complete")
        assert old.process.wait(10) == 0
        return old


class Upload:
    """Feeds a command's stdin in steps."""

    def __init__(self, client):
        self.process = client.start("sha256sum")
        self.hash = hashlib.sha256()
        self.block = os.urandom(MEGABYTE)

    def send(self, megabytes):
        for _ in range(megabytes):
            self.process.stdin.write(self.block)
            self.hash.update(self.block)

    def finish(self):
        output, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors
        return output.split()[0].decode() == self.hash.hexdigest()


@pytest.mark.parametrize("mode", [("-m",), ()], ids=["master", "daemon"])
@pytest.mark.expect_logins(5)
def test_an_upload_and_a_shell_go_on_over_three_upgrades(start_server, root_key, place, mode):
    programs = replace_programs(place / "bin")
    line = Line(start_server, *mode, *FLAGS, run_dir=place / "run", programs=programs)
    client = Client(line.now, root_key)
    shell = client.start("cat")
    upload = Upload(client)
    try:
        for number in range(3):
            sending = threading.Thread(target=upload.send, args=[UPLOAD // 4])
            sending.start()
            replace_programs(programs)
            line.take_over()
            sending.join(120)
            assert not sending.is_alive()
            shell.stdin.write(b"%d\n" % number)
            shell.stdin.flush()
            assert shell.stdout.readline() == b"%d\n" % number
            assert Client(line.now, root_key).output("echo new") == "new\n"
        upload.send(UPLOAD // 4)
        assert upload.finish()
    finally:
        end(shell)
        end(upload.process)


@pytest.mark.expect_logins(2)
def test_with_master_mode_a_stop_and_a_start_leave_what_is_connected(start_server, root_key, place):
    first = start_server("-m", *FLAGS, run_dir=place / "run")
    shell = Client(first, root_key).start("cat")
    try:
        shell.stdin.write(b"before\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == b"before\n"
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(10) == 0
        second = start_server("-m", *FLAGS, "--take-over", run_dir=place / "run", port=first.port)
        assert not second.log.events("taken_over")
        shell.stdin.write(b"after\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == b"after\n"
        assert Client(second, root_key).output("echo new") == "new\n"
    finally:
        end(shell)


def log_in_often(client, times, failures, done):
    for _ in range(times):
        result = client.run("true", timeout=60)
        if result.returncode != 0:
            failures.append(result.stderr)
        done.release()


def while_logging_in(client, times, restarts, restart, servers):
    """`times` logins, `restarts` restarts spread over them."""
    failures, done = [], threading.Semaphore(0)
    workers = 8
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(log_in_often, client, times // workers, failures, done)
                   for _ in range(workers)]
        for _ in range(restarts):
            for _ in range(times // (restarts + 1)):
                done.acquire()
            restart()
        for one in running:
            one.result()
    refused = [event for server in servers for event in server.log.events()
               if event.level in ("notice", "warning", "error") and event.connection]
    assert not failures, (failures[:3], refused[:10])


@pytest.mark.expect_logins(1000)
def test_a_thousand_logins_during_ten_takeovers(start_server, root_key, place):
    line = Line(start_server, "-m", *FLAGS, run_dir=place / "run")
    while_logging_in(Client(line.now, root_key), 1000, 10, line.take_over,
                     start_server.running)


@pytest.mark.expect_logins(400)
def test_logins_during_restarts_with_sockets_of_a_service_manager(start_server, root_key, place):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(128)
        servers = [start_server("-m", *FLAGS, run_dir=place / "run", sockets=[held])]
        client = Client(Place(servers[0], *held.getsockname()), root_key)

        def restart():
            servers[-1].process.send_signal(signal.SIGTERM)
            assert servers[-1].process.wait(10) == 0
            servers.append(start_server("-m", *FLAGS, run_dir=place / "run", sockets=[held]))
        while_logging_in(client, 400, 4, restart, servers)


@pytest.mark.expect_logins(1)
def test_the_new_server_counts_what_it_takes_over(start_server, root_key, place):
    source = fresh_source()
    line = Line(start_server, "-m", "--per-source-max-startups", "1", "--penalties", "noauth:30",
                run_dir=place / "run")
    held = socket.create_connection((line.now.address, line.now.port), source_address=(source, 0))
    with held:
        assert held.recv(100).startswith(b"SSH-2.0-")
        line.take_over()
        address = (line.now.address, line.now.port)
        with socket.create_connection(address, source_address=(source, 0)) as second:
            assert second.recv(100) == b"Exceeded MaxStartups\r\n"
        assert Client(line.now, root_key, source=fresh_source()).output("echo in") == "in\n"
    # It left without trying: the new one hears that too.
    penalty, = line.now.log.wait_for("penalty")
    assert (penalty.source, penalty.reason) == (source, "noauth")


@pytest.mark.expect_logins(1)
def test_a_successor_that_fails_changes_nothing(start_server, root_key, place):
    first = start_server("-m", *FLAGS, run_dir=place / "run")
    with pytest.raises(AssertionError, match="can't listen"):
        start_server("-l", "192.0.2.77:1", "--take-over", run_dir=place / "run", port=first.port)
    assert first.running
    assert Client(first, root_key).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_only_root_can_take_over(start_server, place):
    server = start_server("-m", run_dir=place / "run")
    control = place / "run" / "control"
    assert control.stat().st_mode & 0o777 == 0o600
    control.chmod(0o666)  # even then
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
                peer.settimeout(5)
                peer.connect(str(control))
                peer.send(b"\x01\x00\x01")
                _, fds, _, _ = socket.recv_fds(peer, 100, 4)
                code = 2 if fds else 0
        except (ConnectionError, BrokenPipeError):
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert server.running
