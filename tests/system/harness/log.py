"""The server's log: one line per event, `time level=.. event=.. name=value name="quoted"`."""
import json
import re
import time

FIELD = re.compile(r'([a-z_0-9]+)=("(?:[^"\\]|\\.)*"|\S*)')


class Event(dict):
    """Fields by name; a missing one is None."""

    def __getattr__(self, name):
        return self.get(name)


def parse(line):
    fields = Event()
    for name, value in FIELD.findall(line):
        if value.startswith('"'):
            try:
                value = json.loads(value)
            except ValueError:
                value = value[1:-1]
        fields[name] = value
    return fields


class LogFile:
    def __init__(self, path):
        self.path = path
        path.touch()
        self.start = path.stat().st_size

    def mark(self):
        """Everything up to now belongs to the past."""
        self.start = self.path.stat().st_size

    def raw(self):
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return file.read()

    def text(self):
        return self.raw().decode("utf-8", "replace")

    def events(self, name=None, **fields):
        found = [event for event in map(parse, self.text().splitlines()) if event.event]
        return [event for event in found if (name is None or event.event == name) and
                all(event.get(key) == str(value) for key, value in fields.items())]

    def wait_for(self, name, count=1, timeout=10, **fields):
        """The events, once there are at least `count` of them."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.events(name, **fields)
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} of {count} events {name} {fields} in the log:\n"
                                     + self.text()[-4000:])
            time.sleep(0.02)
