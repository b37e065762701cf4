#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the compiler does not: sizes, includes, banned words, dead files, unregistered tests, documents.

    tidy.py [ROOT]    prints one line per finding, "file:line: rule: what"; exits with 1 when there is any
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cpp_shape import functions, strip_text  # noqa: E402

# Lines at which a file fails; the aim is 120, 350 and 400.
HEADER_LINES, SOURCE_LINES, TEST_LINES = 300, 600, 900
FUNCTION_LINES, PARAMETERS, NESTING = 70, 6, 4
COLUMNS, SCRIPT_COLUMNS, BLOB_BYTES = 100, 130, 256 * 1024

# A library may include itself and these. `testing` parts of a library follow the library.
MAY_INCLUDE = {
    "common": set(),
    "store": {"common"},
    "filter": {"common"},
    "remoting": {"common"},
    "namesrv": {"common", "remoting"},
    "broker": {"common", "filter", "remoting", "store"},
    "admin": {"common", "remoting"},
    "bench": {"admin", "common", "remoting"},
    "storetool": {"common", "store"},
    "raptormq": {"admin", "bench", "storetool", "common", "filter", "remoting", "store", "namesrv", "broker"},
}
# The protocol knows no sockets.
PROTOCOL_MAY_NOT = re.compile(r"remoting/(?!protocol/)")

BANNED = [
    (re.compile(r"\.value\(\)"), "Result and optional are read with * and ->", ("src/", "tools/")),
    (re.compile(r"\bsleep_for\b|\bsleep_until\b|\busleep\b"), "wait for a condition, not for a time", ("src/",)),
    (re.compile(r"\bdetach\("), "every thread is joined", ("src/", "tools/")),
    (re.compile(r"std::cout|std::cerr"), "log, or print in src/raptormq only", ("src/",)),
    (re.compile(r"(?<![\w:])new\s+[\w:]+\s*[({\[;]"), "own memory by type: make_unique", ("src/", "tools/")),
    (re.compile(r"system_clock::now"), "take the time from Clock", ("src/",)),
    (re.compile(r"steady_clock::now"), "take the time from Clock; only tests have deadlines of their own", ("src/",)),
]
CLOCK_FILES = {"src/common/clock.cc"}
NOLINT = re.compile(r"NOLINT(NEXTLINE|BEGIN)?(?!END)\b(?!\([\w.,*-]+\): \S)")
TODO = re.compile(r"\bTODO\b(?!\(#\d+\))")


def listed(root: Path) -> list:
    """The files of the project by their path below `root`; of a tree without git all but what builds make."""
    done = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], check=False,
                          capture_output=True, text=True)
    if done.returncode == 0:
        names = done.stdout.split("\n")
    else:
        names = (str(path.relative_to(root)) for path in root.rglob("*"))
        names = (name for name in names
                 if not name.startswith(("build/", "out/", ".git/")) and "__pycache__/" not in name)
    return sorted(name for name in names if name and (root / name).is_file())


class Tidy:
    """One run over a tree; findings are collected in `findings`."""

    def __init__(self, root: Path):
        self.root, self.findings = root, []
        self.files = listed(root)
        self.cpp = [name for name in self.files if name.endswith((".h", ".cc")) and name.startswith(("src/", "tools/"))]
        self.text = {name: (root / name).read_text(encoding="utf-8", errors="replace") for name in self.cpp}

    def report(self, name: str, line: int, rule: str, what: str) -> None:
        self.findings.append(f"{name}:{line}: {rule}: {what}")

    def sizes(self) -> None:
        for name, text in self.text.items():
            lines = text.count("\n")
            limit = TEST_LINES if name.endswith(("_test.cc", "_fuzz.cc")) else \
                HEADER_LINES if name.endswith(".h") else SOURCE_LINES
            if lines > limit:
                self.report(name, lines, "size", f"{lines} lines, at most {limit}: split the state, not the text")
            for at, line in enumerate(text.split("\n"), 1):
                if len(line) > COLUMNS and not re.search(r'"|http|NOLINT', line):  # literals may not be cut
                    self.report(name, at, "columns", f"{len(line)} columns, at most {COLUMNS}")

    def shapes(self) -> None:
        for name, text in self.text.items():
            is_test = name.endswith("_test.cc")
            for function in functions(text):
                if function.lines > FUNCTION_LINES and not is_test:
                    self.report(name, function.line, "function", f"{function.name} has {function.lines} lines")
                if function.parameters > PARAMETERS:
                    self.report(name, function.line, "parameters", f"{function.name} has {function.parameters}")
                if function.nesting > NESTING:
                    self.report(name, function.line, "nesting", f"{function.name} nests {function.nesting} deep")

    def headers(self) -> None:
        for name, text in self.text.items():
            lines = text.split("\n")
            if lines[0] != "// SPDX-License-Identifier: Apache-2.0":
                self.report(name, 1, "licence", "the first line is the SPDX line")
            if not name.endswith(".h"):
                continue
            if len(lines) < 2 or lines[1] != "#pragma once":
                self.report(name, 2, "guard", "the second line is #pragma once")
            for at, line in enumerate(lines, 1):
                if re.match(r"\s*using namespace", line):
                    self.report(name, at, "namespace", "no `using namespace` in a header")
                if "#include <boost/asio" in line and not name.startswith("src/remoting/"):
                    self.report(name, at, "include", "Asio stays inside src/remoting")
                if "#include <nlohmann/json.hpp>" in line:
                    self.report(name, at, "include", "headers include <nlohmann/json_fwd.hpp>")

    def includes(self) -> None:
        for name, text in self.text.items():
            library = name.split("/")[1]
            for at, line in enumerate(text.split("\n"), 1):
                found = re.match(r'#include "([^"]+)"', line)
                if not found:
                    continue
                path = found.group(1)
                if "/" not in path or path.startswith("."):
                    self.report(name, at, "include", f'"{path}" is not a path from the library root')
                    continue
                target = path.split("/")[0]
                if name.startswith("src/") and target != library and target not in MAY_INCLUDE.get(library, set()):
                    self.report(name, at, "direction", f"{library} may not include {target}")
                if name.startswith("src/remoting/protocol/") and PROTOCOL_MAY_NOT.match(path):
                    self.report(name, at, "direction", "the protocol knows no sockets")

    def words(self) -> None:
        for name, text in self.text.items():
            code = strip_text(text).split("\n")
            for at, line in enumerate(text.split("\n"), 1):
                if TODO.search(line) or "FIXME" in line:
                    self.report(name, at, "words", "open work has a number: TODO(#123)")
                if "NOLINT" in line and NOLINT.search(line):
                    self.report(name, at, "words", "NOLINT names the check and the reason: NOLINT(check): why")
                for pattern, why, places in BANNED:
                    owned = "new" in pattern.pattern and "_ptr<" in code[at - 2] + line
                    deadline = "steady" in pattern.pattern and (name.endswith("_test.cc") or "/testing/" in name)
                    excused = owned or deadline or name in CLOCK_FILES or re.search(r"NOLINT\(tidy\): \S", line)
                    if name.startswith(places) and not excused and pattern.search(code[at - 1]):
                        self.report(name, at, "words", why)

    def dead_files(self) -> None:
        lists = "\n".join((self.root / name).read_text() for name in self.files if name.endswith("CMakeLists.txt"))
        listed = set(re.findall(r"[\w./-]+\.cc", lists))
        included = set()
        for text in self.text.values():
            included.update(re.findall(r'#include "([^"]+)"', text))
        for name in self.cpp:
            inner = name.split("/", 2)[-1] if name.startswith("src/") else name
            if name.endswith(".cc"):
                parts = name.split("/")
                tails = {"/".join(parts[start:]) for start in range(len(parts))}
                if not tails & listed:
                    kind = "test is not registered" if name.endswith("_test.cc") else "file is not built"
                    self.report(name, 1, "dead", f"the {kind} in any CMakeLists.txt")
            elif not {name.removeprefix("src/"), name.removeprefix("tools/"), inner} & included:
                self.report(name, 1, "dead", "no file includes this header")

    def documents(self) -> None:
        for name in self.files:
            if not name.endswith(".md") or "/golden/" in name:
                continue
            titles, fenced = 0, False
            for line in (self.root / name).read_text(encoding="utf-8").split("\n"):
                fenced ^= line.startswith("```")
                titles += not fenced and line.startswith("# ")
            if titles != 1:
                self.report(name, 1, "title", f"a page has one title, this one has {titles}")

    def blobs(self) -> None:
        for name in self.files:
            size = (self.root / name).stat().st_size
            if size > BLOB_BYTES and "golden/" not in name:
                self.report(name, 1, "blob", f"{size} bytes, at most {BLOB_BYTES} outside golden/")

    def whitespace(self) -> None:
        for name in self.files:
            if not name.endswith((".h", ".cc", ".py", ".sh", ".cmake", "CMakeLists.txt", ".md")):
                continue
            for at, line in enumerate((self.root / name).read_text(encoding="utf-8").split("\n"), 1):
                if line != line.rstrip() or "\t" in line and not name.endswith(".md"):
                    self.report(name, at, "blanks", "no tabs, no blanks at the end of a line")
                if name.endswith((".py", ".sh")) and len(line) > SCRIPT_COLUMNS:
                    self.report(name, at, "columns", f"{len(line)} columns, at most {SCRIPT_COLUMNS}")

    def settings(self) -> None:
        """A setting documented as acted on must be read by something other than its table and its tests."""
        tables = [name for name in self.cpp if re.search(r"_config(_known)?\.(h|cc)$", name)]
        others = "\n".join(text for name, text in self.text.items()
                           if name not in tables and not name.endswith("_test.cc"))
        helpers = "\n".join(self.text[name] for name in tables)
        words = set(re.findall(r"\w+", others))
        # What decides about the other settings is looked up by its key, before there is a struct.
        by_name = set(re.findall(r'"(\w+)"', self.text.get("src/common/configuration.cc", "")))
        for name in tables:
            for found in re.finditer(r"config_row<&C::(\w+)>\(\s*\"(\w+)\"", self.text[name]):
                field, key = found.groups()
                used_by_helper = re.search(rf"(return|config\.|\+|\()\s*!?{field}\b", helpers)
                if field not in words and key not in by_name and not used_by_helper:
                    line = self.text[name].count("\n", 0, found.start()) + 1
                    self.report(name, line, "setting", f"{key} is said to be honoured and nothing reads {field}")

    def format(self) -> None:
        if not self.cpp or not (self.root / ".clang-format").exists():
            return
        if not shutil.which("clang-format-16"):
            self.report(".clang-format", 1, "format", "clang-format-16 is not installed, cannot check")
            return
        done = subprocess.run(["clang-format-16", "--dry-run", "--Werror", *self.cpp], cwd=self.root, check=False,
                              capture_output=True, text=True)
        for found in re.finditer(r"^([^\s:]+):(\d+):\d+: error", done.stderr, re.M):
            self.report(found.group(1), int(found.group(2)), "format", "not as clang-format-16 writes it")

    def run(self) -> list:
        for rule in (self.sizes, self.shapes, self.headers, self.includes, self.words, self.dead_files, self.documents,
                     self.blobs, self.whitespace, self.settings, self.format):
            rule()
        return self.findings


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    findings = Tidy(root).run()
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
