"""Evaluates a ScaledObject's formula as KEDA does with expr-lang: numbers, names, + - * > ?: max and parentheses."""

import re
from collections.abc import Mapping

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z_]\w*|[-+*>?:(),])")


def evaluate(formula: str, values: Mapping[str, float]) -> float:
    """Return the formula's value; a name that is no trigger's raises KeyError, as KEDA refuses it."""
    parser = _Parser(formula, values)
    result = parser.ternary()
    assert parser.next is None, f"{formula!r} goes on after its end: {parser.next}"
    return result


class _Parser:
    def __init__(self, formula: str, values: Mapping[str, float]) -> None:
        self._tokens = TOKEN.findall(formula)
        assert "".join(self._tokens) == re.sub(r"\s", "", formula), f"{formula!r} has what is not known here"
        self._values = values

    @property
    def next(self) -> str | None:
        return self._tokens[0] if self._tokens else None

    def ternary(self) -> float:
        condition = self._comparison()
        if self.next != "?":
            return condition
        self._take("?")
        yes = self.ternary()
        self._take(":")
        no = self.ternary()
        return yes if condition else no

    def _comparison(self) -> float:
        left = self._sum()
        if self.next != ">":
            return left
        self._take(">")
        return float(left > self._sum())

    def _sum(self) -> float:
        value = self._product()
        while self.next in {"+", "-"}:
            value += self._product() if self._take() == "+" else -self._product()
        return value

    def _product(self) -> float:
        value = self._atom()
        while self.next == "*":
            self._take("*")
            value *= self._atom()
        return value

    def _atom(self) -> float:
        token = self._take()
        if token == "(":
            value = self.ternary()
            self._take(")")
            return value
        if token == "max" and self.next == "(":
            return max(self._arguments())
        return float(token) if token[0].isdigit() else self._values[token]

    def _arguments(self) -> list[float]:
        self._take("(")
        values = [self.ternary()]
        while self.next == ",":
            self._take(",")
            values.append(self.ternary())
        self._take(")")
        return values

    def _take(self, expected: str | None = None) -> str:
        token: str = self._tokens.pop(0)
        assert expected in {None, token}, f"{expected} was expected, not {token}"
        return token
