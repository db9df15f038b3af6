"""The one thing in a `.cu` file that a host compiler cannot be taught by a header: declarations of `__shared__` memory.

Each becomes a reference to storage that the simulator owns; lines keep their numbers.
"""

from __future__ import annotations

import re

from harness.errors import KernelError

_COMMENT_OR_LITERAL = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_SHARED = re.compile(r"\b__shared__\b")
_ALIGNMENT = r"\b(?:alignas|__align__)\s*\((?:[^()]|\([^()]*\))*\)"
# The storage is aligned to 128 bytes, more than any load asks for.
_DROPPED = re.compile(rf"\b(?:static|extern)\b|{_ALIGNMENT}")
_SPECIFIERS_BEFORE = re.compile(rf"(?:(?:\b(?:static|extern|volatile)\b|{_ALIGNMENT})\s*)+$")
_DECLARATOR = re.compile(r"(\w+)\s*((?:\[[^\[\]]*\]\s*)*)$")


class _NotUnderstoodError(Exception):
    pass


def translate(text: str, file: str) -> str:
    """The text with its `__shared__` declarations rewritten; a KernelError names a line that is not understood."""
    code = _without_comments(text)
    pieces = []
    position = 0
    for match in _SHARED.finditer(code):
        before = _SPECIFIERS_BEFORE.search(code, position, match.start())
        first = before.start() if before else match.start()
        last = code.find(";", match.end())
        try:
            in_macro = code[code.rfind("\n", 0, first) + 1 : first].lstrip().startswith("#")
            if last < 0 or match.start() < position or (in_macro and "\n" in code[first:last]):
                raise _NotUnderstoodError("it does not end with a semicolon of its own")
            statements = _rewrite(code[first : match.start()], code[match.end() : last])
        except _NotUnderstoodError as error:
            line = text.count("\n", 0, match.start()) + 1
            raise KernelError(
                f"{file}:{line}: a declaration of `__shared__` memory is not understood: {error}; "
                "write `__shared__ type name[bounds];` or `extern __shared__ type name[];`"
            ) from None
        pieces += [text[position:first], statements, "\n" * code.count("\n", first, last)]
        position = last + 1
    return "".join([*pieces, text[position:]])


def _without_comments(text: str) -> str:
    """Spaces in place of comments and literals, and every other character where it was."""
    return _COMMENT_OR_LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _rewrite(before: str, after: str) -> str:
    is_dynamic = re.search(r"\bextern\b", before + after) is not None
    body = " ".join(_DROPPED.sub(" ", f"{before} {after}").split())
    if re.search(r"[={}#\\]", body):
        raise _NotUnderstoodError("an initial value or something else that a device does not take")
    first, *others = _split_at_commas(body)
    head = _DECLARATOR.search(first)
    base = first[: head.start()].strip() if head else ""
    if head is None or not base:
        raise _NotUnderstoodError("the type or the name is missing")
    return " ".join(_declare(base, declarator, is_dynamic) for declarator in [first[head.start() :], *others])


def _declare(base: str, declarator: str, is_dynamic: bool) -> str:
    part = _DECLARATOR.fullmatch(declarator.strip())
    if part is None:
        raise _NotUnderstoodError(f"`{declarator.strip()}` is not a name with bounds")
    name, bounds = part[1], part[2].replace(" ", "")
    if is_dynamic:
        if bounds != "[]":
            raise _NotUnderstoodError(f"dynamic memory has no bounds, as in `{name}[]`")
        return f"{base}* const {name} = ::simulation::dynamic_shared<{base}>();"
    alias = f"{name}_in_shared_memory"
    storage = f'::simulation::shared<{alias}>("{name}", [] {{}})'
    return f"using {alias} = {base}{part[2].strip()}; {alias}& {name} = {storage};"


def _split_at_commas(body: str) -> list[str]:
    """The parts between commas that stand outside of brackets."""
    parts = [""]
    depth = 0
    for character in body:
        depth += (character in "([{<") - (character in ")]}>")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
