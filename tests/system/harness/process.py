"""A process as /proc shows it from outside."""
import os
import pathlib
import re


class Process:
    def __init__(self, pid):
        self.pid = pid
        self.folder = pathlib.Path("/proc") / str(pid)

    def __repr__(self):
        return f"<{self.pid} {self.name}>"

    @property
    def alive(self):
        """Running (a zombie isn't)."""
        try:
            return self.status()["State"][0] not in "ZX"
        except OSError:
            return False

    @property
    def name(self):
        """The executable's name; the text of comm where there is none."""
        try:
            return os.path.basename(os.readlink(self.folder / "exe")).replace(" (deleted)", "")
        except OSError:
            return (self.folder / "comm").read_text().strip()

    @property
    def arguments(self):
        return (self.folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]

    def status(self):
        lines = (self.folder / "status").read_text().splitlines()
        return dict(re.split(r":\s*", line, 1) for line in lines)

    def capabilities(self):
        """Sets of capability numbers by name: Inh, Prm, Eff, Bnd, Amb."""
        status = self.status()
        sets = {}
        for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
            bits = int(status["Cap" + name], 16)
            sets[name] = {number for number in range(64) if bits >> number & 1}
        return sets

    def groups(self):
        return {int(group) for group in self.status()["Groups"].split()}

    def limits(self):
        """Soft and hard limit by name, as text."""
        found = {}
        for line in (self.folder / "limits").read_text().splitlines()[1:]:
            columns = re.split(r"\s{2,}", line.strip())
            found[columns[0]] = tuple(columns[1:3])
        return found

    def files(self):
        """What each open fd is, by number."""
        found = {}
        for entry in (self.folder / "fd").iterdir():
            try:
                found[int(entry.name)] = os.readlink(entry)
            except OSError:
                pass
        return found

    def file_count(self):
        return len(self.files())

    def root_entries(self):
        return os.listdir(self.folder / "root")

    def resident(self):
        """Resident memory in bytes."""
        return int(self.status()["VmRSS"].split()[0]) * 1024

    def cpu_seconds(self):
        fields = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_starter(self):
        """Of Incus shells."""
        try:
            return "--serve" in self.arguments
        except OSError:
            return False

    def children(self):
        return [process for process in processes() if process.parent() == self.pid]

    def parent(self):
        try:
            return int((self.folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return None

    def search_memory(self, needles):
        """How often the byte strings occur in all memory that can be read."""
        hits = 0
        regions = (self.folder / "maps").read_text().splitlines()
        with open(self.folder / "mem", "rb", buffering=0) as memory:
            for region in regions:
                span, access = region.split()[:2]
                if "r" not in access or region.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    continue
                first, last = (int(number, 16) for number in span.split("-"))
                try:
                    memory.seek(first)
                    content = memory.read(last - first)
                except (OSError, ValueError):
                    continue
                hits += sum(content.count(needle) for needle in needles)
        return hits


def processes():
    return [Process(int(name)) for name in os.listdir("/proc") if name.isdigit()]


def descendants(pid):
    """Of a server; the starter of Incus shells belongs to no connection."""
    parents = {}
    for process in processes():
        parents.setdefault(process.parent(), []).append(process)
    found = []
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            if not child.is_starter():
                found.append(child)
            waiting.append(child.pid)
    return found
