#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random SQL92 expressions with properties, one case a line as SqlVerdicts.java reads them.

    sql_cases.py SEED COUNT | java -cp <jars>:<classes> SqlVerdicts > verdicts.tsv
"""

import random
import sys

NAMES = ["a", "b", "c", "A", "_x", "$y", "missing", "TAGS", "notin", "between1"]
TEXTS = ["", "x", "abc", "5", "-5", "5.0", "1e3", "+7", " 5 ", "NaN", "Infinity", "-0.0", "true", "TRUE", "false",
         "9999999999", "99999999999999999999", "0x10", "0x1p3", "it's", "é中", "5d", "5f", ".5", "5.", "1_0", "null",
         "--5", "+-5", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808",
         "1e400", "1e-400", "0.0", "0", "a b"]
NUMBERS = ["0", "1", "5", "7", "-5", "2147483647", "2147483648", "-2147483648", "-9223372036854775808",
           "9223372036854775807", "9223372036854775808", "5L", "7l", "0L", "007", "5.0", "5.", ".5", "1e3", "1E-3",
           "0.0", "1e400", "1e-400", "1.5e+2", "5e", "0x10", "--5", "+5", "- 5", "1000.0", "3.4e38"]
PLAIN_NUMBERS = ["1", "5", "7", "-5", "2147483648", "5.0", ".5", "9223372036854775807", "1e3"]
SCRAPS = NAMES + NUMBERS + [
    "=", "<>", ">", "<=", "(", ")", ",", "+", "-", "--", "/*", "*/", "\n", "!", "#", "'", '"', "''", "AND", "OR",
    "NOT", "IS", "NULL", "IN", "BETWEEN", "CONTAINS", "TRUE", "'x'", "/", ".", "é", "\r\n", " ", "\t", "==", "!="]
BLANKS = [" /* c */ ", "\t", "\n", " -- c\n", "/***/", "--\r\n"]


class Cases:
    """Builds the cases of one seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def one_of(self, choices):
        return self.random.choice(choices)

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def word(self, text: str) -> str:
        return self.one_of([text, text, text.lower(), text.capitalize()])

    def name(self) -> str:
        return self.one_of(NAMES)

    def text(self) -> str:
        return "'" + self.one_of(TEXTS).replace("'", "''") + "'"

    def negation(self) -> str:
        return " " + self.word("NOT") if self.maybe(.3) else ""

    def texts(self) -> str:
        return "(" + ", ".join(self.text() for _ in range(self.random.randint(1, 7))) + ")"

    def search(self) -> str:
        return self.word(self.one_of(["CONTAINS", "STARTSWITH", "ENDSWITH"])) + " " + self.text()

    def literal(self) -> str:
        return self.one_of([self.one_of(NUMBERS), self.text(), self.one_of(["TRUE", "FALSE", "NULL", "true", "null"])])

    def primary(self, depth: int) -> str:
        if self.maybe(.55):
            return self.name()
        return self.literal() if depth <= 0 or self.maybe(.7) else "(" + self.disjunction(depth - 1) + ")"

    def unary(self, depth: int) -> str:
        sign = self.one_of([""] * 12 + ["-", "- ", "+", "NOT "])
        return sign + self.primary(depth)

    def wild(self, depth: int) -> str:
        """A comparison that the original often refuses."""
        left = self.unary(depth)
        return self.one_of([
            lambda: f"{left} {self.one_of(['>', '>=', '<', '<='])} {self.unary(depth)}",
            lambda: f"{left}{self.negation()} BETWEEN {self.unary(0)} AND {self.unary(0)}",
            lambda: f"{left}{self.negation()} IN {self.texts()}",
            lambda: f"{left}{self.negation()} {self.search()}",
            lambda: left])()

    def sane(self, depth: int) -> str:
        """A comparison that compiles."""
        return self.one_of([
            lambda: f"{self.one_of(['', '', '', '-'])}{self.name()} {self.one_of(['>', '>=', '<', '<='])} "
                    f"{self.one_of([self.one_of(PLAIN_NUMBERS), self.one_of(PLAIN_NUMBERS), self.name()])}",
            lambda: f"{self.name()}{self.negation()} {self.word('BETWEEN')} {self.one_of(['1', '0', 'a', '-1', '.5'])} "
                    f"{self.word('AND')} {self.one_of(['6', '7.5', 'b', '1000', '1e9'])}",
            lambda: f"{self.name()}{self.negation()} {self.word('IN')} {self.texts()}",
            lambda: f"{self.name()}{self.negation()} {self.search()}",
            lambda: self.name() + self.one_of([" = ", "=", " <> "]) +
            self.one_of([self.text(), self.one_of(PLAIN_NUMBERS), self.name(), "TRUE", "FALSE"]),
            lambda: f"{self.name()} {self.word('IS')}{self.negation()} {self.word('NULL')}",
            lambda: self.one_of(["", "NOT "]) + "(" + self.disjunction(depth - 1) + ")" +
            self.one_of(["", "", " = a", " <> TRUE", " IS NULL", " = (b = 1)"]) if depth > 0 else
            self.one_of(["a", "NOT b", "TRUE", "FALSE", "NULL", "5 = a", "'5' = a", "TRUE = a"])])()

    def equality(self, depth: int) -> str:
        text = self.sane(depth) if self.maybe(.9) else self.wild(depth)
        for _ in range(self.one_of([0] * 12 + [1, 2])):
            text += self.one_of([" = ", "=", " <> "]) + self.sane(depth) if self.maybe(.5) else " IS NULL"
        return text

    def conjunction(self, depth: int) -> str:
        return f" {self.word('AND')} ".join(self.equality(depth) for _ in range(self.one_of([1, 1, 1, 2, 3])))

    def disjunction(self, depth: int) -> str:
        return f" {self.word('OR')} ".join(self.conjunction(depth) for _ in range(self.one_of([1, 1, 1, 2, 3])))

    def damaged(self, text: str) -> str:
        at = self.random.randrange(len(text) + 1)
        return text[:at] + self.one_of([self.one_of(SCRAPS), ""]) + text[at + self.one_of([0, 1]):]

    def expression(self) -> str:
        if self.maybe(.05):
            return " ".join(self.one_of(SCRAPS) for _ in range(self.random.randint(1, 8)))
        text = self.disjunction(self.one_of([0, 1, 1, 2]))
        if self.maybe(.05):
            text = text.replace(" ", self.one_of(BLANKS), 2)
        return self.damaged(text) if self.maybe(.1) else text

    def properties(self) -> list:
        names = self.random.sample(["a", "b", "c", "A", "_x", "$y", "notin", "between1", "TAGS"],
                                   self.random.randint(0, 6))
        pairs = ((name, self.one_of(TEXTS + ["1", "5", "7", "6", "abc", "xabcx"])) for name in names)
        return [f"{name}={escaped(value)}" for name, value in pairs if value]


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def main() -> None:
    cases = Cases(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        print("\t".join([escaped(cases.expression()), *cases.properties()]))


if __name__ == "__main__":
    main()
