"""Ansible against an instance: copy, template, command, become; with and without pipelining and
ControlPersist; its ways of transferring files."""
import hashlib
import os
import re

import pytest

from harness.client import Client, fresh_source
from harness.tools import Tools

PLAYBOOK = """
- hosts: all
  gather_facts: true
  vars: {{greeting: "hällo from {{{{ ansible_hostname }}}}"}}
  tasks:
    - name: copy
      copy: {{src: {folder}/binary, dest: {inside}/binary, mode: "0640"}}
    - name: template
      template: {{src: {folder}/page.j2, dest: {inside}/page}}
    - name: command
      command: id -un
      register: plain
    - name: become
      become: true
      command: id -un
      register: root
    - name: owned by root
      become: true
      copy: {{content: "secret\\n", dest: {inside}/root-only, mode: "0600"}}
    - name: a command that fails
      command: sh -c 'echo why >&2; exit 7'
      register: failed
      failed_when: failed.rc != 7 or failed.stderr != "why"
    - name: what came out
      assert:
        that: [plain.stdout == "alice", root.stdout == "root"]
"""


@pytest.fixture
def alice(server, root_key, debian):
    return Client(server, root_key, f"alice@{debian}", fresh_source())


@pytest.fixture
def inside(debian, incus):
    path = "/home/alice/ansible"
    incus.shell(debian, f"rm -rf {path} && mkdir {path} && chown alice:alice {path}")
    yield path
    incus.shell(debian, f"rm -rf {path} /home/alice/.ansible")


class Ansible:
    """ansible-playbook with a configuration of its own, nothing of the host's."""

    def __init__(self, client, folder):
        self.tools = Tools(client, folder)
        self.folder = folder
        (folder / "inventory").write_text("instance ansible_python_interpreter=/usr/bin/python3\n")

    def play(self, playbook, pipelining, persist, transfer):
        control = (f"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={self.folder}/cm"
                   if persist else "-o ControlMaster=no -o ControlPath=none")
        # The first value of an option wins, so the control options come before the file's.
        (self.folder / "ansible.cfg").write_text(f"""
[defaults]
inventory = {self.folder}/inventory
host_key_checking = True
local_tmp = {self.folder}/local
stdout_callback = default
[ssh_connection]
pipelining = {pipelining}
ssh_args = {control} -F {self.tools.config}
transfer_method = {transfer.split()[0]}
scp_extra_args = {' '.join(transfer.split()[1:])}
control_path_dir = {self.folder}
""")
        (self.folder / "play.yml").write_text(playbook)
        try:
            result = self.tools.run("ansible-playbook", self.folder / "play.yml", timeout=240, env={
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "HOME": str(self.folder)})
        finally:
            if persist:
                self.tools.run(*self.tools.ssh.split(), "-o", f"ControlPath={self.folder}/cm", "-O",
                               "exit", "instance")
        assert result.returncode == 0, (result.stdout[-3000:], result.stderr[-2000:])
        recap = re.search(r"^instance +: (.*)$", result.stdout.decode(), re.M).group(1)
        return {name: int(count) for name, count in (word.split("=") for word in recap.split())}


def plays_well(alice, folder, inside, pipelining, persist, transfer):
    ansible = Ansible(alice, folder)
    data = os.urandom(2 << 20)
    (folder / "binary").write_bytes(data)
    (folder / "page.j2").write_text("{{ greeting }} {{ 6 * 7 }}\n")
    counts = ansible.play(PLAYBOOK.format(folder=folder, inside=inside), pipelining, persist,
                          transfer)
    assert (counts["failed"], counts["unreachable"], counts["ok"]) == (0, 0, 8), counts
    text = alice.output(f"cd {inside}; sha256sum binary | cut -c1-64; stat -c %a binary; cat page; "
                        "stat -c '%U %a' root-only; sudo cat root-only")
    assert text.splitlines() == [hashlib.sha256(data).hexdigest(), "640", "hällo from d1 42",
                                 "root 600", "secret"]


# "scp -O" needs scp in the instance, "scp" is sftp by another client.
TRANSFERS = ["piped", "sftp", "scp", "scp -O"]


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.expect_logins(2)
def test_playbook_on_one_kept_connection(alice, tmp_path, inside, pipelining, transfer):
    # One login of Ansible's, one of the test's own.
    plays_well(alice, tmp_path, inside, pipelining, True, transfer)


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("pipelining", [
    pytest.param(True, marks=pytest.mark.expect_logins(26)),
    pytest.param(False, marks=pytest.mark.expect_logins(58))])
def test_playbook_without_a_kept_connection(alice, tmp_path, inside, pipelining, transfer):
    plays_well(alice, tmp_path, inside, pipelining, False, transfer)
