#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tidy: each rule finds what it should, and passes what it should."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cpp_shape import functions  # noqa: E402
from tidy import Tidy  # noqa: E402

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
GOOD = LICENCE + "int main() {\n    return 0;\n}\n"


class TidyTest(unittest.TestCase):
    def findings(self, files: dict) -> list:
        """Findings of a tree with these files; each .cc counts as built unless the test says otherwise."""
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            subprocess.run(["git", "init", "-q", directory], check=True)
            files = dict(files)
            files.setdefault("CMakeLists.txt", " ".join(name for name in files if name.endswith(".cc")) + "\n")
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return Tidy(root).run()

    def one(self, files: dict, rule: str) -> str:
        found = self.findings(files)
        self.assertEqual([line.split(": ")[1] for line in found], [rule], found)
        return found[0]

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(self.findings({"src/common/a.cc": GOOD, "README.md": "# Title\n\n```\n# not a title\n```\n"}), [])

    def test_sizes(self):
        self.one({"src/common/a.cc": LICENCE + "int a;\n" * 600}, "size")
        self.one({"src/common/a.cc": LICENCE + "// " + "x" * 100 + "\n"}, "columns")

    def test_long_functions_parameters_and_nesting(self):
        long = LICENCE + "void f() {\n" + "    g();\n" * 80 + "}\n"
        self.assertIn("f has 82 lines", self.one({"src/common/a.cc": long}, "function"))
        many = LICENCE + "void f(int a, int b, int c, int d, int e, int g, int h) {\n}\n"
        self.assertIn("f has 7", self.one({"src/common/a.cc": many}, "parameters"))
        deep = LICENCE + "void f() {\n" + "    if (a) {\n" * 5 + "    }\n" * 5 + "}\n"
        self.assertIn("f nests 5", self.one({"src/common/a.cc": deep}, "nesting"))

    def test_headers(self):
        use = LICENCE + '#include "common/a.h"\n'
        self.one({"src/common/a.h": LICENCE + "int a();\n", "src/common/a.cc": use}, "guard")
        self.one({"src/common/a.h": LICENCE + "#pragma once\nusing namespace std;\n", "src/common/a.cc": use}, "namespace")
        self.one({"src/common/a.h": LICENCE + "#pragma once\n#include <boost/asio.hpp>\n", "src/common/a.cc": use},
                 "include")
        self.one({"src/common/a.cc": "int main();\n"}, "licence")

    def test_includes_go_one_way(self):
        self.one({"src/store/a.cc": LICENCE + '#include "remoting/b.h"\n'}, "direction")
        self.one({"src/remoting/protocol/a.cc": LICENCE + '#include "remoting/io_pool.h"\n'}, "direction")
        self.one({"src/store/a.cc": LICENCE + '#include "../common/b.h"\n'}, "include")
        self.assertEqual(self.findings({"src/broker/a.cc": LICENCE + '#include "store/b.h"\n'}), [])

    def test_banned_words(self):
        for line in ("auto a = b.value();", "std::this_thread::sleep_for(x);", "thread.detach();", "std::cout << 1;",
                     "auto* p = new Thing(1);", "auto t = std::chrono::system_clock::now();", "// TODO later",
                     "// FIXME", "int a;  // NOLINT"):
            with self.subTest(line):
                self.one({"src/common/a.cc": LICENCE + line + "\n"}, "words")
        for line in ("// TODO(#12): later", "// calls detach() never", 'auto s = "new Thing()";',
                     "int a;  // NOLINT(bugprone-x): because",
                     "std::unique_ptr<Thing>(new Thing(1));",
                     "auto* p = new Thing(1);  // NOLINT(tidy): private constructor", "auto n = renew (1);"):
            with self.subTest(line):
                self.assertEqual(self.findings({"src/common/a.cc": LICENCE + line + "\n"}), [])

    def test_dead_files_and_unregistered_tests(self):
        self.assertIn("not registered",
                      self.one({"src/common/a_test.cc": GOOD, "CMakeLists.txt": "project(x)\n"}, "dead"))
        self.assertIn("no file includes", self.one({"src/common/a.h": LICENCE + "#pragma once\n"}, "dead"))

    def test_documents_and_blobs(self):
        self.one({"docs/a.md": "# One\n# Two\n"}, "title")
        self.one({"docs/a.md": "no title\n"}, "title")
        self.one({"data.bin": "x" * (256 * 1024 + 1)}, "blob")
        self.assertEqual(self.findings({"golden/data.bin": "x" * (256 * 1024 + 1)}), [])
        self.one({"a.py": "x = 1 \n"}, "blanks")

    def test_a_setting_said_to_be_honoured_is_read(self):
        table = LICENCE + 'constexpr auto a = config_row<&C::max_size>("maxSize", "x");\n'
        self.assertIn("maxSize", self.one({"src/store/x_config.cc": table}, "setting"))
        self.assertEqual(self.findings({"src/store/x_config.cc": table,
                                        "src/store/b.cc": LICENCE + "int b = config.max_size;\n"}), [])
        for place, count in (("src/common/configuration.cc", 0), ("src/store/b.cc", 1)):  # asked for by its key
            findings = self.findings({"src/store/x_config.cc": table, place: LICENCE + 'int b = get("maxSize");\n'})
            self.assertEqual(len(findings), count)


    def test_a_tree_without_git_is_looked_at_too(self):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for name in ("src/common/a.cc", "build/dev/b.cc", "out/c.cc"):
                (root / name).parent.mkdir(parents=True)
                (root / name).write_text(GOOD)
            self.assertEqual([finding.split(":")[0] for finding in Tidy(root).run()], ["src/common/a.cc"])


class ShapeTest(unittest.TestCase):
    def test_functions_are_found_with_their_size(self):
        source = (
            "namespace a {\n"
            "class B : public C {\npublic:\n    B(int x, int y) : x_{x}, y_(y) {\n        go();\n    }\n"
            "    int get() const { return x_; }\n    std::map<int, int> m_{{1, 2}};\n};\n"
            "template <class T>\nvoid f(std::map<int, T> m, int b) {\n    run([&](int q) {\n        if (q) {\n"
            "        }\n    });\n    Thing t{1, 2};\n}\n"
            "enum class E { A, B };\nconstexpr int kTable[] = {1, 2};\nint R() { return '{'; }\n}\n")
        found = {f.name: (f.lines, f.parameters, f.nesting) for f in functions(source)}
        self.assertEqual(found, {"B": (3, 2, 0), "get": (1, 0, 0), "f": (8, 2, 1), "R": (1, 0, 0)})


if __name__ == "__main__":
    unittest.main()
