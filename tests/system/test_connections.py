"""Many channels on a connection, rekeying, keepalives."""
import hashlib
import os

import pytest

from harness.client import end, wait_until
from test_signals import talk


@pytest.mark.expect_logins(1)
def test_many_commands_on_one_connection(ssh, server):
    with ssh.master() as (client, _):
        for number in range(30):
            assert client.output(f"echo {number}") == f"{number}\n"
    assert len(server.log.wait_for("session_closed", 30)) == 30


@pytest.mark.expect_logins(1)
def test_commands_at_the_same_time_on_one_connection(ssh):
    with ssh.master() as (client, _):
        processes = [client.start(f"sleep 0.5; echo {number}; exit {number}")
                     for number in range(8)]
        for number, process in enumerate(processes):
            output, _ = process.communicate(timeout=20)
            assert (output, process.returncode) == (f"{number}\n".encode(), number)


@pytest.mark.expect_logins(1)
def test_a_full_channel_does_not_block_the_others(ssh):
    with ssh.master() as (client, _):
        stuck = client.start("head -c 100000000 /dev/zero")
        try:
            stuck.stdout.read(1)
            assert client.output("echo free", timeout=10) == "free\n"
        finally:
            stuck.kill()
            end(stuck)


@pytest.mark.expect_logins(1)
def test_more_sessions_than_allowed_are_refused(server, root_key):
    async def conversation(connection):
        import asyncssh
        running = [await connection.create_process("sleep 30") for _ in range(10)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("true")
        running[0].terminate()
        await running[0].wait()
        return (await connection.run("echo again")).stdout
    assert talk(server, root_key, conversation) == "again\n"


@pytest.mark.expect_logins(1)
def test_max_sessions_flag(start_server, root_key):
    import asyncssh

    async def conversation(connection):
        await connection.create_process("sleep 30")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("true")
    talk(start_server("--max-sessions", "1"), root_key, conversation)


@pytest.mark.expect_logins(1)
def test_rekeying_by_the_client_keeps_the_data_intact(ssh):
    data = os.urandom(6 << 20)
    result = ssh.run("tee /tmp/rekey | sha256sum; cat /tmp/rekey >&2", input=data, timeout=60,
                     options=["RekeyLimit=256K", "KexAlgorithms=curve25519-sha256"])
    assert result.returncode == 0
    assert result.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert result.stderr.endswith(data)


@pytest.mark.expect_logins(1)
def test_client_keepalives_are_answered(ssh):
    process = ssh.start("sleep 3; echo alive",
                        options=["ServerAliveInterval=1", "ServerAliveCountMax=1"])
    output, _ = process.communicate(timeout=20)
    assert output == b"alive\n"


@pytest.mark.expect_logins(1)
def test_unknown_subsystems_are_refused_cleanly(ssh):
    with ssh.master() as (client, master):
        assert client.run("netconf", options=["-s"]).returncode != 0
        assert client.output("echo fine") == "fine\n"
        assert master.poll() is None


@pytest.mark.expect_logins(1)
def test_connection_ends_with_its_last_session(ssh, server):
    assert ssh.output("true") == ""
    wait_until(lambda: server.log.events("connection_closed"), 5)
    server.wait_idle()
