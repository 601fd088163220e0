"""Ansible: 30 tasks of the kinds that playbooks are made of, on one kept connection."""
import contextlib
import pathlib
import subprocess
import tempfile
import time

from harness.tools import Tools
from measure import in_turns, note_medians

TASKS = """
    - copy: {content: "number NUMBER\\n", dest: "{{ place }}/fNUMBER", mode: "0640"}
    - command: cat {{ place }}/fNUMBER
    - file: {path: "{{ place }}/dNUMBER", state: directory, mode: "0750"}
"""
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
""" + "".join(TASKS.replace("NUMBER", str(number)) for number in range(10))

CONFIGURATION = """
[defaults]
inventory = {folder}/inventory
host_key_checking = True
local_tmp = {folder}/local
stdout_callback = default
[ssh_connection]
pipelining = {pipelining}
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o ControlPath={folder}/cm -F {config}
control_path_dir = {folder}
"""


class Player:
    def __init__(self, name, client, folder, contestants):
        self.folder = folder / name.replace(" ", "-")
        self.folder.mkdir()
        self.tools = Tools(client, self.folder)
        self.place = f"{contestants.memory}/{self.folder.name}"
        self.inside = contestants.inside
        (self.folder / "play.yml").write_text(PLAYBOOK)
        (self.folder / "inventory").write_text(
            f"instance ansible_python_interpreter=/usr/bin/python3 place={self.place}\n")

    def play(self, pipelining):
        """Seconds of the playbook, with the connection that it makes."""
        self.inside(f"rm -rf {self.place} /root/.ansible; mkdir {self.place}")
        (self.folder / "ansible.cfg").write_text(CONFIGURATION.format(
            folder=self.folder, pipelining=pipelining, config=self.tools.config))
        begin = time.monotonic()
        try:
            text = self.tools.must("ansible-playbook", self.folder / "play.yml", timeout=240, env={
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "HOME": str(self.folder)})
            seconds = time.monotonic() - begin
        finally:
            with contextlib.suppress(subprocess.SubprocessError):
                self.tools.run(*self.tools.ssh.split(), "-o", f"ControlPath={self.folder}/cm",
                               "-O", "exit", "instance")
        assert "ok=30 " in text, text[-1000:]
        return seconds


def ansible(contestants, quick):
    with tempfile.TemporaryDirectory(prefix="s2i-") as folder:
        players = {name: Player(name, client, pathlib.Path(folder), contestants)
                   for name, client in contestants.clients.items()}
        for row, pipelining in (("as Ansible does by default", False), ("with pipelining", True)):
            samples = in_turns(players, 1 if quick else 4,
                               lambda player: player.play(pipelining), f"ansible, {row}",
                               {"sshd+incus"})
            note_medians("(k) Ansible, 30 tasks, s", row, samples)
