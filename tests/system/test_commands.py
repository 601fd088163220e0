"""Commands: what they print, how they end, what they find around them."""
import hashlib
import os
import subprocess
import threading

import pytest

from harness.client import end, wait_until

MEGABYTE = 1 << 20


@pytest.mark.expect_logins(1)
def test_command_runs_in_the_instance(ssh, incus):
    assert ssh.output("hostname") == "c1\n"


@pytest.mark.expect_logins(1)
def test_every_exit_code_arrives(ssh):
    with ssh.master() as (client, _):
        wrong = {code: status for code in range(256)
                 if (status := client.run(f"exit {code}").returncode) != code}
    assert wrong == {}


@pytest.mark.expect_logins(1)
def test_missing_command_is_127(ssh):
    result = ssh.run("no-such-command")
    assert result.returncode == 127
    assert b"not found" in result.stderr


@pytest.mark.expect_logins(1)
def test_command_ended_by_a_signal_is_255_for_the_client(ssh):
    result = ssh.run("kill -TERM $$; sleep 5", options=["LogLevel=VERBOSE"])
    assert result.returncode == 255


@pytest.mark.expect_logins(1)
def test_stdout_and_stderr_are_separate(ssh):
    result = ssh.run("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 3)


@pytest.mark.expect_logins(1)
def test_end_of_stdin_arrives(ssh):
    assert ssh.output("cat; echo end", input=b"line\n") == "line\nend\n"


@pytest.mark.expect_logins(1)
def test_stdin_closed_at_once(ssh):
    assert ssh.output("wc -c", input=b"").strip() == "0"


@pytest.mark.expect_logins(1)
def test_stdout_closed_early_by_the_command_keeps_stderr(ssh):
    result = ssh.run("exec >&-; sleep 0.3; echo late >&2; exit 4")
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"late\n", 4)


@pytest.mark.expect_logins(1)
def test_twenty_megabytes_up_unchanged(ssh):
    data = os.urandom(20 * MEGABYTE)
    wanted = hashlib.sha256(data).hexdigest()
    assert ssh.output("sha256sum", input=data, timeout=60).split()[0] == wanted


@pytest.mark.expect_logins(1)
def test_twenty_megabytes_down_unchanged(ssh):
    script = f"head -c {20 * MEGABYTE} /dev/urandom >/tmp/down; sha256sum /tmp/down >&2; cat /tmp/down"
    result = ssh.run(script, timeout=60)
    assert len(result.stdout) == 20 * MEGABYTE
    assert hashlib.sha256(result.stdout).hexdigest() == result.stderr.split()[0].decode()


@pytest.mark.expect_logins(1)
def test_both_directions_at_once(ssh):
    data = os.urandom(4 * MEGABYTE)
    assert ssh.run("cat", input=data, timeout=60).stdout == data


@pytest.mark.expect_logins(1)
def test_all_byte_values_pass(ssh):
    data = bytes(range(256)) * 3
    assert ssh.run("cat", input=data).stdout == data


@pytest.mark.expect_logins(1)
def test_no_pty_unless_asked_for(ssh):
    assert ssh.output("tty; true").strip() == "not a tty"


@pytest.mark.expect_logins(1)
def test_special_characters_reach_the_shell_as_they_are(ssh):
    assert ssh.output("echo \"a  'b' $((1+2))\" '%s' \\\\ ü") == "a  'b' 3 %s \\ ü\n"


@pytest.mark.expect_logins(1)
def test_long_command_line(ssh):
    text = "x" * 60000
    assert ssh.output(f"echo {text} | wc -c").strip() == "60001"


@pytest.mark.expect_logins(1)
def test_background_child_does_not_lose_output(ssh):
    # As with OpenSSH: the session stays while somebody holds stdout, and its output arrives.
    result = ssh.run("(sleep 2; echo late) & echo early; exit 5")
    assert (result.stdout, result.returncode) == (b"early\nlate\n", 5)


@pytest.mark.expect_logins(1)
def test_detached_child_survives_the_session(ssh, incus):
    ssh.output("rm -f /tmp/survivor; setsid sh -c 'sleep 1; echo yes >/tmp/survivor' "
               "</dev/null >/dev/null 2>&1 &")
    wait_until(lambda: incus.shell("c1", "cat /tmp/survivor", check=False) == "yes\n", 6)


@pytest.mark.expect_logins(2)
def test_login_shell_reads_profile_and_command_shell_does_not(ssh, incus):
    incus.shell("c1", "echo 'echo from-profile' >/root/.profile")
    try:
        assert "from-profile" in ssh.run(input=b"exit\n").stdout.decode()
        assert ssh.output("echo only") == "only\n"
    finally:
        incus.shell("c1", "rm /root/.profile")


@pytest.mark.expect_logins(1)
def test_eof_of_stdout_arrives_before_the_exit(ssh):
    process = ssh.start("exec >&- 2>&-; sleep 30")
    try:
        got = []
        reader = threading.Thread(target=lambda: got.append(process.stdout.read()), daemon=True)
        reader.start()
        reader.join(10)
        # ssh closes its own stdout when the server's EOF arrives.
        assert got == [b""]
        assert process.poll() is None
    finally:
        end(process)


@pytest.mark.expect_logins(8)
def test_logins_at_the_same_time(ssh):
    processes = [ssh.start(f"echo {number}", stdin=subprocess.DEVNULL) for number in range(8)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert outputs == [f"{number}\n".encode() for number in range(8)]
