"""A server that creates instances by login, and takes them away after the test."""
import json

import yaml

from harness.client import Client, wait_until
from harness.incus import IMAGE

DEFAULTS = {"image": f"local:{IMAGE}", "memory": 1, "cpu": 1, "disk": 1}


class Creator:
    def __init__(self, start_server, incus, key, folder):
        self.start_server, self.incus, self.key, self.folder = start_server, incus, key, folder
        self.made = set()
        self.server = None

    def __call__(self, *flags, **config):
        path = self.write(**config)
        self.server = self.start_server("-C", "--create-config", path, *flags)
        return Client(self.server, self.key, "unset")

    def write(self, **config):
        path = self.folder / "create-config.yaml"
        path.write_text(yaml.safe_dump(config or {"defaults": DEFAULTS}))
        path.chmod(0o644)
        return str(path)

    def name(self, name):
        """Of an instance that isn't there, and won't be after the test."""
        self.made.add(name)
        self.incus("delete", "-f", name, check=False)
        return name

    def shown(self, name):
        return json.loads(self.incus("query", f"/1.0/instances/{name}"))

    def is_clean(self, name):
        """Neither such an instance nor an operation that makes any."""
        operations = self.incus("operation", "list", "--format", "csv")
        return self.incus.state(name) is None and "Creating instance" not in operations

    def assert_nothing_left(self, name):
        wait_until(lambda: self.is_clean(name), 30, f"that nothing is left of {name}")

    def clean(self):
        for name in self.made:
            self.incus("delete", "-f", name, check=False)
