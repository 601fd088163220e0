"""The rules of the source tree that a compiler can't check: who may include what, how long files
and functions may be, and that decisions stay pure. Reads the files of the repository, prints each
violation, exits 1 if there are any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50

OPENSSL = ["openssl/*"]
# common's headers that are values only: no I/O, no privileges, no processes.
PROCESS_HEADERS = ["common/ipc_channel.h", "common/ipc_sessiond.h", "common/ipc_gateway.h",
                   "common/ipc_console.h", "common/ipc_inventory.h", "common/ipc_plain.h",
                   "common/syscall_filter.h", "common/log.h"]
FOLDERS = {
    "common": {"own": ["common"], "libraries": ["seccomp.h", "sys/capability.h"]},
    "policy": {"own": ["common", "policy"], "libraries": [],
               "only_in": {"yaml-cpp/*": "policy/*config*"},
               "denied": PROCESS_HEADERS + ["common/privileges.h", "common/unique_fd.h"]},
    "monitor": {"own": ["common", "policy", "monitor"],
                "libraries": ["security/*", "libaudit.h", "CLI/*", "sys/capability.h", "seccomp.h"] + OPENSSL},
    "sessiond": {"own": ["common", "sessiond"], "libraries": ["libssh/*", "wslay/*", "sys/capability.h", "seccomp.h"] + OPENSSL},
    "diagnostics": {"own": ["common", "diagnostics"], "libraries": ["sys/capability.h", "seccomp.h"]},
    "gateway": {"own": ["common", "policy", "gateway"],
                "libraries": ["crypt.h", "curl/*", "nlohmann/*", "sys/capability.h", "seccomp.h"] + OPENSSL},
    "shell": {"own": ["common", "shell"], "libraries": ["histedit.h"], "denied": PROCESS_HEADERS},
    "guest": {"own": ["common", "guest"], "libraries": [], "denied": PROCESS_HEADERS},
}
# Headers of libraries: everything in <> that has a folder or isn't the C or C++ library's.
LIBRARY = re.compile(r"^(openssl|libssh|curl|nlohmann|yaml-cpp|security|CLI|fmt|wslay|systemd)/"
                     r"|^(seccomp|libaudit|crypt|histedit)\.h$|^sys/capability\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
IMPURE = re.compile(r"\b(getenv|secure_getenv|::now|std::ifstream|std::ofstream|std::cout|std::cerr"
                    r"|time|gettimeofday|clock_gettime|open|fopen|getpwnam)\s*\(")
IMPURE_HEADERS = re.compile(r"^(unistd|fcntl|pwd|grp)\.h$|^sys/|^(fstream|iostream|filesystem|thread)$")


def matches(name, patterns):
    return any(pathlib.PurePath(name).match(pattern) for pattern in patterns)


def check_includes(folder, path, text, report):
    rules = FOLDERS[folder]
    for quote, name in INCLUDE.findall(text):
        if quote == '"':
            if "/" not in name:
                report(path, f'include "{name}" isn\'t written from the root of the project')
            elif name.split("/")[0] not in rules["own"]:
                report(path, f'{folder} must not include "{name}"')
            elif name in rules.get("denied", []):
                report(path, f'{folder} may use only value types of common, not "{name}"')
        elif LIBRARY.search(name) and not matches(name, rules["libraries"]):
            where = [place for pattern, place in rules.get("only_in", {}).items()
                     if matches(name, [pattern])]
            if not (where and matches(path, where)):
                report(path, f"{folder} must not include <{name}>")


def check_purity(path, text, report):
    for quote, name in INCLUDE.findall(text):
        if quote == "<" and IMPURE_HEADERS.search(name):
            report(path, f"policy decides from values alone: <{name}>")
    code = re.sub(r"//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"", "", text)
    for found in IMPURE.finditer(code):
        line = code.count("\n", 0, found.start()) + 1
        report(path, f"policy decides from values alone: {found.group(0)} in line {line}")


def function_lengths(lines):
    """Yields (first line, length) of what clang-format leaves at column 0 between { and }."""
    start = None
    signature = ""
    for number, line in enumerate(lines, 1):
        if start is None:
            if line and not line[0].isspace() and line.rstrip().endswith("{"):
                signature = line
                if not re.match(r"(inline |export )?(namespace|class|struct|enum|union|extern)\b", line):
                    start = number
            elif line.startswith("    ") and line.rstrip().endswith(") {"):
                start = number  # a signature that goes over several lines
        elif line.startswith("}"):
            if not line.startswith("};") and "=" not in signature:
                yield start, number - start + 1
            start = None


def check_size(path, text, report):
    lines = text.splitlines()
    if len(lines) >= MAX_FILE_LINES:
        report(path, f"{len(lines)} lines (a file has less than {MAX_FILE_LINES})")
    if path.suffix not in (".cc", ".h"):
        return
    if not lines or not lines[0].startswith("//"):
        report(path, "doesn't open with what the file is for")
    for start, length in function_lengths(lines):
        if length >= MAX_FUNCTION_LINES:
            report(path, f"function at line {start} has {length} lines (less than {MAX_FUNCTION_LINES})")


def main():
    problems = []

    def report(path, text):
        problems.append(f"{path}: {text}")

    checked = 0
    for folder in [*FOLDERS, "tests", "packaging"]:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix not in (".cc", ".h", ".py", ".sh") or "__pycache__" in file.parts:
                continue
            path = file.relative_to(ROOT)
            text = file.read_text()
            checked += 1
            check_size(path, text, report)
            if folder in FOLDERS:
                check_includes(folder, path, text, report)
            if folder == "policy":
                check_purity(path, text, report)
    for problem in problems:
        print(problem)
    print(f"{checked} files, {len(problems)} violations")
    return 1 if problems or not checked else 0


sys.exit(main())
