# SPDX-License-Identifier: Apache-2.0
"""Enough of a C++ reader to see where functions begin, how long they are, and how deep they nest."""

import re
from dataclasses import dataclass

_TOKENS = re.compile(
    r'R"(?P<delim>[^()\\ ]*)\((?:.|\n)*?\)(?P=delim)"'  # raw strings
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*|/\*(?:.|\n)*?\*/")
_CONTROL = re.compile(r"(?:^|[\s;{}])(?:if|for|while|switch|do|else|try|catch)\b[^;]*$")
_TYPE = re.compile(r"\b(?:class|struct|union|enum)\b")
_NOT_FUNCTIONS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "decltype", "alignas", "noexcept"}


@dataclass
class Function:
    name: str
    line: int
    lines: int = 0
    parameters: int = 0
    nesting: int = 0


def strip_text(source: str) -> str:
    """The source with comments and literals blanked and every line where it was."""
    def blank(found):
        text = found.group(0)
        return re.sub(r"[^\n]", " ", text) if text.startswith("/") else '"' + re.sub(r"[^\n]", " ", text[1:-1]) + '"'
    text = _TOKENS.sub(blank, source)
    # Preprocessor lines, with their continuations.
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.M)


def _parameters(head: str) -> tuple:
    """Name and number of parameters of a function head."""
    open_at = head.find("(")
    while open_at > 0:
        name = re.search(r"([~\w]+|operator\s*\S+?)\s*$", head[:open_at])
        depth, end = 0, len(head)
        for at in range(open_at, len(head)):
            depth += (head[at] == "(") - (head[at] == ")")
            if depth == 0:
                end = at
                break
        if name and name.group(1) not in _NOT_FUNCTIONS:
            break
        open_at = head.find("(", end)
    else:
        return "", 0
    inside, depth, commas = head[open_at + 1:end], 0, 0
    for char in inside:
        depth += (char in "(<[{") - (char in ")>]}")
        commas += char == "," and depth == 0
    return name.group(1), commas + 1 if inside.strip() and inside.strip() != "void" else 0


def functions(source: str) -> list:
    """Functions with a body, lambdas counted with the function around them."""
    text, found, stack, begin = strip_text(source), [], [], 0
    for at, char in enumerate(text):
        if char in ";":
            begin = at + 1
        elif char == "{":
            begin = _open(text, begin, at, stack, found)
        elif char == "}" and stack:
            kind, function = stack.pop()
            if kind == "function":
                function.lines = text.count("\n", 0, at) + 2 - function.line
            if kind != "braces":
                begin = at + 1
    return found


def _open(text: str, begin: int, at: int, stack: list, found: list) -> int:
    """Notes what the brace at `at` opens; returns where the next head begins."""
    head = text[begin:at]
    inner = next((entry for kind, entry in reversed(stack) if kind == "function"), None)
    if inner is not None:
        is_control = bool(_CONTROL.search(" " + head))
        stack.append(("control" if is_control else "braces" if re.search(r"[\w>,(]\s*$", head) else "block", None))
        depth = sum(kind == "control" for kind, _ in stack)
        inner.nesting = max(inner.nesting, depth)
        return at + 1 if stack[-1][0] != "braces" else begin
    if re.search(r"\bnamespace\b|\bextern\b", head):
        stack.append(("namespace", None))
        return at + 1
    constructor_list = re.search(r"\)[^()]*:\s*[^:].*\w\s*$", head, re.S) and not re.search(
        r"\b(?:const|noexcept|override|final)\s*$", head)
    if "(" not in head or constructor_list and not head.rstrip().endswith(")"):
        stack.append(("type", None) if _TYPE.search(head) and not constructor_list else ("braces", None))
        return at + 1 if stack[-1][0] == "type" else begin
    name, parameters = _parameters(head)
    if not name or re.search(r"=\s*$", head):
        stack.append(("braces", None))
        return begin
    lead = re.match(r"(?:\s|public:|private:|protected:)*", head).end()
    function = Function(name, text.count("\n", 0, begin + lead) + 1, parameters=parameters)
    found.append(function)
    stack.append(("function", function))
    return at + 1
