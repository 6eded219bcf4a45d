"""The picture of a range test with the rates that rules read from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lrfinder.analysis.rules import RULES
from lrfinder.errors import CurveError
from lrfinder.views.describe.description import BESIDE_SUGGESTED, Look, Mark
from lrfinder.views.describe.range_test import describe_range_test
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder._results.results import RangeTest
    from lrfinder.analysis.rules import Rule
    from lrfinder.views.describe.description import Description

    Rules = bool | Iterable[Rule] | Mapping[str, Rule]


def describe_with_rules(result: RangeTest, rules: Rules, *, suggestion: bool) -> Description:
    """Return the description of a range test whose picture marks the rate of each rule, with or without the suggestion."""
    shown = describe_range_test(result)
    (figure,) = shown.picture()
    own = [mark for mark in figure.marks if suggestion or mark.kind not in {"rate", "band"}]
    marks = [*own, *(_mark(number, name, rule, result) for number, (name, rule) in enumerate(_named(rules).items()))]
    title = shown.title if suggestion else "Learning-rate range test"
    return replace(shown, title=title, picture=lambda: [replace(figure, marks=marks)])


def _named(rules: Rules) -> Mapping[str, Rule]:
    if isinstance(rules, bool):
        return RULES if rules else {}
    if isinstance(rules, Mapping):
        return cast("Mapping[str, Rule]", rules)
    return {_name(rule, number): rule for number, rule in enumerate(rules, 1)}


def _name(rule: Any, number: int) -> str:
    known = next((name for name, other in RULES.items() if other is rule), None)
    if known is not None:
        return known
    if isinstance(rule, partial):
        given = [*map(str, rule.args), *(f"{name}={value}" for name, value in rule.keywords.items())]
        return f"{_name(rule.func, number)}, {', '.join(given)}"
    name = getattr(rule, "__name__", type(rule).__name__)
    return f"rule {number}" if name == "<lambda>" else name.replace("_", " ")


def _mark(number: int, name: str, rule: Rule, result: RangeTest) -> Mark:
    """Return the mark of a rule; the legend names one that cannot read the curve too, without a line."""
    lr: float | None = None
    with suppress(CurveError):
        lr = rule(result.lrs, result.losses)
    found = math.nan if lr is None else float(lr)
    label = f"{printable(name)} {found:.3g}" if math.isfinite(found) else f"{printable(name)}: no rate"
    return Mark("rate", label, found, look=Look.of(number, BESIDE_SUGGESTED, 1.4))
