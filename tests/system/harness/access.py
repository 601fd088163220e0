"""An access.yaml that the server takes."""
import pathlib

import yaml


class AccessFile:
    """A file of root in a directory of root."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "access.yaml"

    def write(self, *rules):
        return self.write_text(yaml.safe_dump({"version": 1, "rules": list(rules)}))

    def write_text(self, text):
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o644)
        new.rename(self.path)
        return str(self.path)
