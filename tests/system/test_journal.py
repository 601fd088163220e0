"""Under a service manager the log goes to the journal, field by field: a real journald, in a mount
namespace with a /run of its own, and the server started with its streams as systemd starts services."""
import json
import os
import signal
import socket
import subprocess

import paramiko
import pytest

from harness.client import fresh_source, wait_until

JOURNALD = "/lib/systemd/systemd-journald"
# In a network namespace of its own: of the kernel's audit messages it gets none.
NAMESPACE = f"""
mount --make-rprivate / && mount -t tmpfs tmpfs /run
mkdir -p /run/log/journal /run/systemd/journald.conf.d
printf '%s\\n' '[Journal]' Storage=volatile ReadKMsg=no Audit= >/run/systemd/journald.conf.d/test.conf
[ -s /etc/machine-id ] || {{
  echo 0123456789abcdef0123456789abcdef >/run/machine-id
  mount --bind /run/machine-id /etc/machine-id; }}
exec unshare --net {JOURNALD}
"""
# systemd-cat gives the streams; what systemd says of them in the environment, it doesn't.
SERVICE = ["systemd-cat", "sh", "-c",
           'exec env JOURNAL_STREAM="$(stat -L -c %d:%i /proc/self/fd/2)" "$@"', "sh"]


class Journal:
    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-ec", NAMESPACE],
                                        stderr=subprocess.DEVNULL)
        self.inside = ["nsenter", "--mount", "--target", str(self.process.pid)]
        wait_until(lambda: self.run("test", "-S", "/run/systemd/journal/stdout").returncode == 0 and
                   self.entries(MESSAGE="Journal started"), 20, "journald's start")

    def run(self, *command):
        return subprocess.run([*self.inside, *command], capture_output=True, text=True, timeout=20)

    def entries(self, **fields):
        result = self.run("journalctl", "-D", "/run/log/journal", "-o", "json", "--no-pager",
                          *(f"{name}={value}" for name, value in fields.items()))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


@pytest.fixture
def journal():
    journal = Journal()
    yield journal
    journal.stop()


@pytest.fixture
def logged_server(journal, start_server):
    server = start_server()
    server.stop()
    process = subprocess.Popen([*journal.inside, *SERVICE, *server.argv()], env=server.env,
                               stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: journal.entries(S2I_EVENT="listening"), 20, "the server's start")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.expect_logins(0)
def test_every_process_writes_to_the_journal(journal, logged_server, keyring):
    source = fresh_source()
    stream = socket.create_connection((logged_server.address, logged_server.port), 20, (source, 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=30)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("c1", paramiko.ECDSAKey.generate())
    failed, = wait_until(lambda: journal.entries(S2I_EVENT="auth_failed"), 10)
    assert failed["S2I_LOGIN"] == "c1" and failed["S2I_METHOD"] == "publickey"
    assert failed["PRIORITY"] == "5" and failed["_TRANSPORT"] == "journal"
    assert failed["MESSAGE"].startswith("event=auth_failed ") and source in json.dumps(failed)
    assert os.path.basename(failed["_EXE"]) == "ssh2incus"
    listening, = journal.entries(S2I_EVENT="listening")
    assert failed["_PID"] != listening["_PID"], "a monitor wrote it"


@pytest.mark.expect_logins(0)
def test_a_login_name_makes_no_field(journal, logged_server):
    stream = socket.create_connection((logged_server.address, logged_server.port), 20,
                                      (fresh_source(), 0))
    with stream, paramiko.Transport(stream) as transport:
        transport.start_client(timeout=30)
        with pytest.raises(paramiko.SSHException):
            transport.auth_publickey("c1\nS2I_EVENT=auth_succeeded\nMESSAGE=x",
                                     paramiko.ECDSAKey.generate())
    assert wait_until(lambda: journal.entries(S2I_EVENT="auth_failed"), 10)
    assert not journal.entries(S2I_EVENT="auth_succeeded") and not journal.entries(MESSAGE="x")
