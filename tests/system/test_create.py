"""Instances that a login creates: options, profiles, policy, races, and what becomes of them."""
import concurrent.futures
import json
import os
import signal
import subprocess

import pytest
import yaml

from harness import paths
from harness.client import Client, wait_until
from harness.creator import DEFAULTS
from harness.images import publish
from harness.incus import IMAGE

@pytest.mark.expect_logins(3)
def test_creates_then_connects_then_starts(creator, incus):
    ssh = creator()
    name = creator.name("cr-first")
    first = ssh.run("hostname", login=f"+{name}")
    assert (first.stdout, first.returncode) == (b"cr-first\n", 0), first.stderr
    assert b"ssh2incus: creating instance cr-first\r\n" in first.stderr
    shown = creator.shown(name)
    assert shown["config"]["user.ssh2incus.created-by"] == "root"
    assert shown["config"]["limits.memory"] == "1GiB" and shown["config"]["limits.cpu"] == "1"
    assert shown["devices"]["root"]["size"] == "1GiB" and not shown["ephemeral"]
    log = creator.server.log
    granted = log.wait_for("creation_granted")[0]
    assert (granted.host_user, granted.login, granted.rule) == ("root", "+cr-first", "root")
    assert IMAGE in granted.plan
    log.wait_for("instance_created")

    second = ssh.run("hostname", login=f"+{name}")
    assert (second.stdout, second.stderr) == (b"cr-first\n", b"")
    incus("stop", "-f", name)
    third = ssh.run("hostname", login=f"+{name}+m64+other/image")
    assert third.stdout == b"cr-first\n" and b"starting instance" in third.stderr
    assert len(log.events("instance_created")) == 1
    assert creator.shown(name)["config"]["limits.memory"] == "1GiB"


@pytest.mark.expect_logins(1)
def test_options_win_over_profiles_over_defaults(creator):
    (creator.folder / "init.yaml").write_text("#cloud-config\n{}\n")
    path = creator.folder / "create-config.yaml"
    path.write_text(f"""
defaults: {{image: "local:{IMAGE}", memory: 1, cpu: 2, config: {{user.a: defaults}}}}
profiles:
  web: {{memory: 2, config: {{user.a: web, cloud-init.user-data: <@init.yaml}}}}
  nested: {{disk: 2, config: {{security.nesting: true, user.b: nested}}}}
""")
    server = creator.start_server("-C", "--create-config", str(path))
    name = creator.name("cr-options")
    result = Client(server, creator.key).run("true", login=f"+{name}+c1+%web+%nested+priv")
    assert result.returncode == 0, result.stderr
    config = creator.shown(name)["config"]
    assert config["limits.memory"] == "2GiB" and config["limits.cpu"] == "1"
    assert config["user.a"] == "web" and config["user.b"] == "nested"
    assert config["cloud-init.user-data"] == "#cloud-config\n{}\n"
    assert config["security.nesting"] == "true" and config["security.privileged"] == "true"
    assert creator.shown(name)["devices"]["root"]["size"] == "2GiB"


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("login", ["~{}", "+{}+m1+ephemeral"])
def test_ephemeral_ones_go_when_powered_off(creator, incus, login):
    ssh = creator()
    name = creator.name("cr-ephemeral")
    assert ssh.run("true", login=login.format(name)).returncode == 0
    assert creator.shown(name)["ephemeral"]
    ssh.run("poweroff -f", login=name)
    assert wait_until(lambda: incus.state(name) is None, 20)


@pytest.mark.expect_logins(2)
def test_of_two_at_once_one_creates_and_both_connect(creator):
    ssh = creator()
    name = creator.name("cr-race")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: ssh.run("hostname", login=f"+{name}", timeout=60),
                                range(2)))
    assert [r.stdout for r in results] == [b"cr-race\n"] * 2, [r.stderr for r in results]
    assert len(creator.server.log.events("instance_created")) == 1


@pytest.mark.expect_logins(1)
def test_without_the_flag_nothing_is_created(start_server, root_key, incus):
    result = Client(start_server(), root_key).run("true", login="+cr-not")
    assert result.returncode == 255
    assert b"creates no instances at login (--allow-create)" in result.stderr
    assert incus.state("cr-not") is None


@pytest.mark.expect_logins(6)
def test_policy_limits_what_comes_out(creator, access, incus):
    rule = {"name": "lab", "allow": ["shell", "exec", "create", "start"], "users": "root",
            "create-limits": {"memory": 2, "cpus": 1, "images": ["local:*"], "nested": False}}
    ssh = creator("--access", access.write(rule), defaults=DEFAULTS,
                  profiles={"p": {"config": {"security.nesting": True}},
                            "r": {"config": {"raw.lxc": "lxc.x = 1"}}})
    name = creator.name("cr-policy")
    for option, reason in (("m3", b"memory is limited to 2"), ("priv", b"privileged instances"),
                           ("%p", b"nesting isn't allowed"), ("%r", b"touches the host"),
                           ("images:alpine/edge", b"isn't allowed")):
        result = ssh.run("true", login=f"+{name}+{option}")
        assert result.returncode == 255 and reason in result.stderr, (option, result.stderr)
        assert incus.state(name) is None
    assert ssh.run("true", login=f"+{name}+m2").returncode == 0


@pytest.mark.expect_logins(4)
def test_a_user_may_have_so_many_and_no_more_even_at_once(creator, access, users, incus, keyring):
    key = keyring.get("ed25519", name="member")
    users["member"].write_keys(key.public)
    rule = {"name": "few", "allow": "all", "groups": "incus",
            "create-limits": {"max-instances": 1}}
    ssh = creator("--access", access.write(rule)).but(key=key)
    names = [creator.name(f"cr-max{i}") for i in range(3)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(
            lambda name: ssh.run("true", login=f"+{name}~s2isys1", timeout=60), names))
    assert sorted(r.returncode for r in results) == [0, 255, 255], [r.stderr for r in results]
    there = [name for name in names if incus.state(name)]
    assert len(there) == 1
    refused = [r for r in results if r.returncode]
    assert all(b"s2isys1 may have 1 instances" in r.stderr for r in refused), refused
    assert ssh.run("true", login=f"+{there[0]}~s2isys1").returncode == 0


@pytest.mark.expect_logins(3)
def test_what_incus_refuses_is_told_and_leaves_nothing(creator, incus):
    ssh = creator(defaults={**DEFAULTS, "image": "local:nothing"},
                  profiles={"bad": {"image": f"local:{IMAGE}",
                                    "config": {"limits.processes": "many"}},
                            "vm": {"image": f"local:{IMAGE}", "vm": True}})
    name = creator.name("cr-bad")
    for login, reason in ((f"+{name}", b"Incus has no image nothing"),
                          (f"+{name}+%bad", b"can't create instance cr-bad: "),
                          (f"+{name}+%vm", b"can't create instance cr-bad: ")):
        result = ssh.run("true", login=login)
        assert result.returncode == 255 and reason in result.stderr, (login, result.stderr)
        assert result.stdout == b""
        creator.assert_nothing_left(name)


@pytest.mark.expect_logins(1)
def test_waits_for_the_user_that_cloud_init_makes(creator, incus):
    def slow_user(root):
        (root / "etc/cloud").mkdir(mode=0o755)
        (root / "etc/cloud/cloud.cfg").write_text("{}\n")
        (root / "etc/init.d").mkdir(mode=0o755, exist_ok=True)
        (root / "etc/inittab").write_text(
            "::once:/bin/sh -c 'sleep 4; echo late:x:1500:1500::/:/bin/sh >>/etc/passwd'\n"
            "::ctrlaltdel:/sbin/poweroff\n")
    publish(incus, "cr-cloud", slow_user)
    ssh = creator(defaults={"image": "local:cr-cloud"})
    name = creator.name("cr-user")
    result = ssh.run("id -un", login=f"+late@{name}", timeout=60)
    assert result.stdout == b"late\n", result.stderr
    assert b"waiting for cloud-init to make the user" in result.stderr
    incus("image", "delete", "cr-cloud")


@pytest.mark.expect_logins(1)
def test_a_reload_takes_the_file_or_leaves_all(creator):
    ssh = creator()
    log = creator.server.log
    creator.write(defaults={"imgae": "x"})
    creator.server.process.send_signal(signal.SIGHUP)
    failed = log.wait_for("reload_failed")[0]
    assert "create-config.yaml:2:3: unknown key imgae; did you mean 'image'?" in failed.reason
    creator.write(defaults={**DEFAULTS, "config": {"user.reloaded": "yes",
                                                   "cloud-init.user-data": "<@in/data"}})
    (creator.folder / "in").mkdir(mode=0o755)
    (creator.folder / "in" / "data").write_text("#!/bin/sh\n")
    creator.server.process.send_signal(signal.SIGHUP)
    log.wait_for("reloaded")
    name = creator.name("cr-reload")
    assert ssh.run("true", login=f"+{name}").returncode == 0
    config = creator.shown(name)["config"]
    assert config["user.reloaded"] == "yes" and config["cloud-init.user-data"] == "#!/bin/sh\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("case", ["symlink", "outside", "writable", "fifo", "missing", "large"])
def test_includes_only_trusted_files_below_the_directory(creator, case, tmp_path):
    target = creator.folder / "sub"
    target.mkdir()
    file = target / "data"
    file.write_text("#cloud-config\n")
    name, reason = "sub/data", None
    if case == "symlink":
        (creator.folder / "link").symlink_to("/etc/shadow")
        name, reason = "link", "symbolic links aren't followed"
    elif case == "outside":
        name, reason = "../../etc/shadow", "below this one's directory"
    elif case == "writable":
        target.chmod(0o777)
        reason = "can be written by others"
    elif case == "fifo":
        file.unlink()
        os.mkfifo(file)
        reason = "not a regular file"
    elif case == "missing":
        name, reason = "sub/other", "no such file"
    elif case == "large":
        file.write_text("x" * 40_000)
        reason = "larger than 32768 bytes"
    path = creator.write(defaults={"image": "a/b", "config": {"user.user-data": f"<@{name}"}})
    checked = subprocess.run([paths.SERVER, "--check", "--create-config", path, "--libexec-dir",
                              paths.BIN], capture_output=True, text=True, timeout=30)
    output = checked.stdout + checked.stderr
    assert checked.returncode != 0 and reason in output, output
    assert "create-config.yaml:3:21: " in output, output
