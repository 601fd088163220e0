"""authorized_keys: each of OpenSSH's options, and the StrictModes checks of the files."""
import os
import time

import pytest

from harness.client import Client, fresh_source
from test_signals import talk


@pytest.fixture
def keys(users):
    return users["member"]


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="member")


def with_options(options, key):
    return f"{options} {key.public}" if options else key.public


def refused(client, log_words=()):
    result = client.run("true")
    assert result.returncode == 255
    assert b"Permission denied" in result.stderr, result.stderr
    client.server.log.wait_for("connection_closed")
    shown = client.server.log.text()
    for word in log_words:
        assert word in shown, shown
    return shown


@pytest.mark.expect_logins(1)
def test_comments_and_blank_lines_are_skipped(member, keys, key):
    keys.write_keys("# a comment", "", "   ", "\t# another", key.public)
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_key_without_comment_and_windows_line_ends(member, keys, key):
    keys.write_keys(" ".join(key.public.split()[:2]) + "\r")
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_command_option_replaces_the_command(member, keys, key):
    keys.write_keys(with_options('command="echo \\"forced\\": $SSH_ORIGINAL_COMMAND"', key))
    assert member.output("rm -rf x y") == "forced: rm -rf x y\n"


@pytest.mark.expect_logins(1)
def test_command_option_replaces_the_shell(member, keys, key):
    keys.write_keys(with_options('command="echo forced; tty; exit 5"', key))
    result = member.run(input=b"echo never\n")
    assert (result.returncode, result.stdout) == (5, b"forced\nnot a tty\n")


@pytest.mark.expect_logins(1)
def test_from_option_with_our_address(member, keys, key):
    keys.write_keys(with_options('from="10.0.0.0/8,127.77.*"', key))
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("pattern", ["10.0.0.0/8", "127.0.0.0/8,!127.77.0.0/16"])
def test_from_option_with_another_address(member, keys, key, pattern):
    keys.write_keys(with_options(f'from="{pattern}"', key))
    refused(member)


@pytest.mark.expect_logins(1)
def test_expiry_time_in_the_future(member, keys, key):
    keys.write_keys(with_options('expiry-time="20990101"', key))
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("when", ["20200101", "202001011200", "20200101120000Z"])
def test_expiry_time_in_the_past(member, keys, key, when):
    keys.write_keys(with_options(f'expiry-time="{when}"', key))
    refused(member)


@pytest.mark.expect_logins(1)
def test_environment_option_is_off_unless_policy_names_it(member, keys, key):
    keys.write_keys(with_options('environment="FROM_KEY=yes"', key))
    assert member.output("echo x$FROM_KEY") == "x\n"


@pytest.mark.expect_logins(2)
def test_environment_option_with_permission(start_server, keys, key):
    server = start_server("--permit-user-environment", "FROM_*,LD_*")
    client = Client(server, key, "c1+s2isys1")
    keys.write_keys(with_options('environment="FROM_KEY=yes it is"', key))
    assert client.output("echo $FROM_KEY") == "yes it is\n"
    keys.write_keys(with_options('environment="LD_PRELOAD=/tmp/evil"', key))
    assert client.output("echo x$LD_PRELOAD") == "x\n"


def asks_for_a_pty(member, key):
    async def conversation(connection):
        process = await connection.create_process("tty; true", term_type="xterm")
        return (await process.wait()).stdout
    return talk(member.server, key, conversation, login=member.login,
                local_addr=(member.source, 0))


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("options", [["no-pty", "restrict"]])
def test_pty_is_refused(member, keys, key, options):
    import asyncssh
    for option in options:
        keys.write_keys(with_options(option, key))
        try:
            assert "/dev/pts" not in asks_for_a_pty(member, key)
        except asyncssh.ChannelOpenError:
            pass  # "PTY request failed": how asyncssh tells it


@pytest.mark.expect_logins(2)
def test_restrict_with_its_opposite(member, keys, key):
    keys.write_keys(with_options("restrict,pty", key))
    assert "/dev/pts" in asks_for_a_pty(member, key)
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(3)
@pytest.mark.parametrize("options", [[
    'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc',
    'permitopen="localhost:80",permitlisten="8080",NO-PTY',
    'no-touch-required,port-forwarding,agent-forwarding',
]])
def test_options_of_features_to_come_are_understood(member, keys, key, options):
    for option in options:
        keys.write_keys(with_options(option, key))
        assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("option", [
    "unknown-option", 'command=echo', 'command="unfinished', 'from=""', "expiry-time=\"soon\"",
    'permitopen="nonsense"', 'environment="novalue"', "no-pty,,no-pty", "restrict, pty",
    'principals="x"', 'tunnel="x"',
])
def test_unknown_or_malformed_option_refuses_the_key_and_the_log_says_why(member, keys, key,
                                                                         option):
    keys.write_keys(with_options(option, key))
    shown = refused(member)
    assert "authorized_keys:1: " in shown, shown


@pytest.mark.expect_logins(1)
def test_a_bad_line_does_not_hide_a_good_one(member, keys, key, keyring):
    other = keyring.get("ed25519", name="other")
    keys.write_keys("nonsense", "ssh-ed25519 AAAA", f"bad-option {other.public}", key.public)
    assert member.output("echo in") == "in\n"


@pytest.mark.expect_logins(1)
def test_the_first_line_with_the_key_decides(member, keys, key):
    keys.write_keys(with_options('command="echo first"', key), key.public)
    assert member.output("echo other") == "first\n"


@pytest.mark.expect_logins(0)
def test_another_key_is_refused(member, keyring, keys):
    keys.write_keys(keyring.get("ed25519", name="other").public)
    refused(member)


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_key_file_that_others_can_write(member, keys, key, mode):
    keys.write_keys(key.public, mode=mode)
    refused(member)


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_key_folder_that_others_can_write(member, keys, key, mode):
    keys.write_keys(key.public, folder_mode=mode)
    refused(member)


@pytest.mark.expect_logins(0)
def test_home_that_others_can_write(member, keys, key):
    keys.write_keys(key.public)
    os.chmod(keys.home, 0o777)
    try:
        refused(member)
    finally:
        os.chmod(keys.home, 0o755)


@pytest.mark.expect_logins(0)
def test_key_file_of_another_owner(member, keys, key, users):
    import pwd
    keys.write_keys(key.public, mode=0o644)
    os.chown(keys.keys_file, pwd.getpwnam(users["stranger"].name).pw_uid, 0)
    refused(member)


@pytest.mark.expect_logins(0)
def test_key_file_that_is_a_fifo_is_not_waited_for(member, keys, key):
    keys.write_keys(key.public)
    keys.keys_file.unlink()
    os.mkfifo(keys.keys_file, 0o600)
    begin = time.monotonic()
    refused(member)
    assert time.monotonic() - begin < 6


@pytest.mark.expect_logins(0)
def test_key_file_that_is_too_large(member, keys, key):
    keys.write_keys(*["#" * 1000] * 2000, key.public)
    refused(member)


@pytest.mark.expect_logins(0)
def test_files_that_only_root_can_read_are_out_of_reach(member, keys, key):
    keys.write_keys(key.public)
    keys.keys_file.unlink()
    os.symlink("/etc/shadow", keys.keys_file)
    refused(member)


@pytest.mark.expect_logins(0)
def test_no_key_file_at_all(member, keys, key):
    keys.write_keys()
    keys.keys_file.unlink()
    refused(member)


@pytest.mark.expect_logins(1)
def test_keys_in_etc_belong_to_their_user(member, keys, key):
    keys.write_keys()
    path = "/etc/ssh/authorized_keys.d/s2isys1"
    with open(path, "w") as file:
        file.write(key.public + "\n")
    try:
        assert member.output("echo in") == "in\n"
    finally:
        os.unlink(path)
