"""How sessions end: signals from the client and to it, vanished clients, slow readers."""
import asyncio
import collections
import signal
import time

import asyncssh
import pytest

from harness.client import end, wait_until


def talk(server, key, conversation, login="c1", **settings):
    """Runs the coroutine conversation(connection) over a connection of asyncssh."""
    async def run():
        known = asyncssh.read_known_hosts(str(server.known_hosts))
        async with asyncssh.connect(server.address, server.port, username=login, config=None,
                                    client_keys=[str(key.path)], known_hosts=known,
                                    agent_path=None, **settings) as connection:
            return await asyncio.wait_for(conversation(connection), 30)
    return asyncio.run(run())


@pytest.mark.expect_logins(5)
@pytest.mark.parametrize("names", [["TERM", "KILL", "INT", "USR1", "SEGV"]])
def test_end_by_a_signal_is_told_with_its_name(server, root_key, names):
    for name in names:
        async def conversation(connection):
            return await connection.run(f"kill -{name} $$; sleep 5")
        result = talk(server, root_key, conversation)
        assert (result.exit_status, result.exit_signal[0]) == (-1, name)


@pytest.mark.expect_logins(1)
def test_signal_from_the_client_reaches_the_command(server, root_key):
    async def conversation(connection):
        process = await connection.create_process(
            "trap 'echo got; exit 42' USR1; echo ready; while :; do sleep 0.1; done")
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        result = await process.wait()
        return result.stdout, result.exit_status
    assert talk(server, root_key, conversation) == ("got\n", 42)


@pytest.mark.expect_logins(1)
def test_signal_sent_before_the_instance_answers_reaches_the_command(server, root_key, incus):
    async def conversation(connection):
        with incus.stopped() as daemon:
            process = await connection.create_process("sleep 300")
            process.send_signal("TERM")
            await asyncio.sleep(0.2)
            daemon.resume()
            return (await process.wait()).exit_signal[0]
    assert talk(server, root_key, conversation) == "TERM"


@pytest.mark.expect_logins(1)
def test_signal_reaches_the_whole_process_group(server, root_key):
    async def conversation(connection):
        process = await connection.create_process("sh -c 'echo ready; sleep 60'; echo after")
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("TERM")
        return (await process.wait()).exit_signal[0]
    assert talk(server, root_key, conversation) == "TERM"


@pytest.mark.expect_logins(1)
def test_half_closed_streams(server, root_key):
    async def conversation(connection):
        process = await connection.create_process("cat; echo done; sleep 0.5; echo later")
        process.stdin.write("one\n")
        process.stdin.write_eof()
        return (await process.wait()).stdout
    assert talk(server, root_key, conversation) == "one\ndone\nlater\n"


@pytest.mark.expect_logins(1)
def test_window_change_and_pty_by_another_implementation(server, root_key):
    async def conversation(connection):
        process = await connection.create_process(
            "read x; stty size; exit 3", term_type="vt220", term_size=(90, 30))
        process.change_terminal_size(111, 44)
        await asyncio.sleep(0.3)
        process.stdin.write("\n")
        result = await process.wait()
        return result.stdout, result.exit_status
    shown, status = talk(server, root_key, conversation)
    assert "44 111" in shown and status == 3


@pytest.mark.expect_logins(1)
def test_vanished_client_hangs_up_its_commands(ssh, server, incus):
    process = ssh.start("sleep 4321")
    try:
        wait_until(lambda: incus.runs("c1", "sleep 4321"))
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: not incus.runs("c1", "sleep 4321"), 10)
        server.wait_idle()
    finally:
        end(process)


@pytest.mark.expect_logins(1)
def test_vanished_client_is_hup_to_the_process_group(ssh, incus):
    incus.shell("c1", "rm -f /tmp/hup")
    # Without stderr, where the shell would report the end of sleep first and die of SIGPIPE.
    process = ssh.start("sh -c 'exec 2>/dev/null; trap \"echo hup >/tmp/hup; exit\" HUP; echo ready; "
                        "while :; do sleep 0.1; done'", options=["RequestTTY=no"])
    try:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: incus.shell("c1", "cat /tmp/hup", check=False) == "hup\n", 10)
    finally:
        end(process)


@pytest.mark.expect_logins(1)
def test_nothing_is_left_in_the_instance(ssh, server, incus):
    # What an earlier test has hung up may still be ending.
    server.wait_idle()
    before = collections.Counter(incus.instance_processes("c1"))
    assert ssh.output("echo x") == "x\n"
    server.wait_idle()
    wait_until(lambda: collections.Counter(incus.instance_processes("c1")) <= before, 5,
               f"no more processes than before: {before}")


@pytest.mark.expect_logins(1)
def test_slow_reader_is_waited_for_with_flat_memory(ssh, server):
    process = ssh.start("head -c 300000000 /dev/zero; echo sent >&2")
    try:
        process.stdout.read(1000)
        sessiond, = server.named("ssh2incus-sessiond")
        time.sleep(1)
        first = sessiond.resident()
        time.sleep(2)
        assert sessiond.resident() - first < 2 << 20
        assert sessiond.resident() < 40 << 20
        seconds = sessiond.cpu_seconds()
        time.sleep(1)
        assert sessiond.cpu_seconds() - seconds < 0.2, "busy although nothing can be sent"
    finally:
        process.kill()
        end(process)


@pytest.mark.expect_logins(1)
def test_command_that_does_not_read_is_waited_for_with_flat_memory(ssh, server, tmp_path):
    source = tmp_path / "big"
    with open(source, "wb") as file:
        file.truncate(300_000_000)
    with open(source, "rb") as stdin:
        process = ssh.start("sleep 60", stdin=stdin)
        try:
            server.log.wait_for("session_opened")
            time.sleep(2)
            sessiond, = server.named("ssh2incus-sessiond")
            assert sessiond.resident() < 40 << 20
        finally:
            process.kill()
            end(process)
