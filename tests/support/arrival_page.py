"""Write sections of docs/evidence/rates.md by running their cases: ``python tests/support/arrival_page.py torch trainers``.

Each section needs its framework, so sections are written one by one; the others stay as they are.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

from arrival import Cases, outcome

PAGE = Path(__file__).parents[2] / "docs" / "evidence" / "rates.md"
SECTIONS = {  # of the page, by the name of the module arrival_NAME.py
    "torch": "PyTorch",
    "trainers": "Trainers",
    "keras": "Keras",
    "jax": "JAX (optax)",
    "gluon": "MXNet Gluon",
}
HEAD = "| trainer | scheduler | outcome | remark |\n| --- | --- | --- | --- |\n"
ROW = re.compile(r"^\| (?P<trainer>[^|]+) \| (?P<scheduler>[^|]+) \| (?P<outcome>[^|]+) \|", re.MULTILINE)


def cases_of(section: str) -> Cases:
    """Return the cases of a section; none where nobody has written them."""
    try:
        return import_module(f"arrival_{section}").CASES
    except ModuleNotFoundError:
        return {}


def rows_of(page: str, section: str) -> dict[tuple[str, str], str]:
    """Return the outcomes that the page states, by trainer and scheduler."""
    part = page.partition(f"## {SECTIONS[section]}\n")[2].partition("\n## ")[0]
    rows = [one.groupdict() for one in ROW.finditer(part)][2:]
    return {(one["trainer"], one["scheduler"]): one["outcome"] for one in rows}


def table(section: str) -> str:
    """Run the cases of a section; return its table, with the first sentence of each remark."""
    outcomes = {case: outcome(run) for case, run in cases_of(section).items()}
    rows = [(*case, found, remark.split(". ")[0]) for case, (found, remark) in outcomes.items()]
    return HEAD + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def with_section(page: str, section: str, rows: str) -> str:
    """Return the page with another table in a section, which is appended where it is missing."""
    head = f"## {SECTIONS[section]}\n"
    before, found, rest = page.partition(head)
    after = rest.partition("\n## ")
    tail = f"\n## {after[2]}" if after[1] else ""
    return f"{before.rstrip()}\n\n{head}\n{rows}{tail}" if not found else f"{before}{head}\n{rows}{tail}"


if __name__ == "__main__":
    for name in sys.argv[1:] or SECTIONS:
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), name, table(name)), encoding="utf-8")
