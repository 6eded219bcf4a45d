"""The language of the project, as far as a program can read it: CONTRIBUTING.md has the rules and the glossary."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FROZEN = {
    hashes.with_name(line.split()[1])
    for hashes in (ROOT / "benchmarks" / "suggestion").glob("*.sha256")
    for line in hashes.read_text().splitlines()
    if not line.startswith("#")
}
CODE = [
    path
    for folder in ("src", "tests", "benchmarks", "examples", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path not in FROZEN
    and path != Path(__file__)
    and not {"_build", "gallery"} & set(path.relative_to(ROOT / "docs").parts if folder == "docs" else ())
]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
PAGES += [path for path in sorted((ROOT / "docs").rglob("*.md")) if not {"_build", "gallery"} & set(path.parts)]

OPENINGS = {"what", "whether", "where", "how", "of", "which", "who", "whose"}
PHRASES = re.compile(r"\b(anew|wings?|let(s|ting)? go of|(what|that) came of)\b", re.IGNORECASE)
IS_NO = re.compile(r"\b(is|are|was|were) no (file|pair|factory|number|result)s?\b", re.IGNORECASE)
PARTS = {"told", "made", "taken", "room"}


def name_of(path):
    return str(path.relative_to(ROOT))


def docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", "module"), text


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_docstrings_open_with_a_verb_or_a_noun(path):
    found = [
        f"{name}: {text.splitlines()[0]}"
        for name, text in docstrings(ast.parse(path.read_text()))
        if re.split(r"\W", text, maxsplit=1)[0].lower() in OPENINGS
    ]
    assert not found


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_identifiers_use_terms_of_the_field(path):
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    names = {(token.string, token.start[0]) for token in tokens if token.type == tokenize.NAME}
    parts = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
    assert not sorted(
        f"line {line}: {name}" for name, line in names if PARTS & {part.lower() for part in parts.findall(name)}
    )


@pytest.mark.parametrize("path", [path for path in CODE if path.is_relative_to(ROOT / "src")] + PAGES, ids=name_of)
def test_the_private_idiom_is_gone(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    assert not [f"line {number}: {line.strip()}" for number, line in lines if PHRASES.search(line)]


@pytest.mark.parametrize("path", [path for path in CODE if path.is_relative_to(ROOT / "src")], ids=name_of)
def test_messages_say_what_is_wrong(path):
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and IS_NO.search(text)]
