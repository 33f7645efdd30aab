"""The closed language of formulas in tariff files: text to shape and operands, and back to text for a bill.

From the loosest to the tightest: `or`, `and`, `not`, comparisons, `+ -`, `* /`, a minus before one thing. Functions:
min, max, pos (the part above 0), abs, sqrt, if(condition, a, b), and round, trunc, floor, ceil with an optional step.
Names are quantities or attributes; a text stands in quotes, right of `==` or `!=`. There is nothing else: no
assignment, no call out, no loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from model.errors import TariffError
from model.formula import (
    COMPARISONS,
    FORMULA_DECIMALS,
    FORMULA_MAX,
    FUNCTIONS,
    Formula,
    Name,
    Number,
    Operand,
    TextTest,
    fold_shape,
)
from tariffs.problems import show_names, suggestion

MAX_LENGTH = 500
MAX_DEPTH = 40

# How tightly an operator binds; the right side of one takes only what binds tighter, so equals go from left to right.
_NOT, _COMPARISON, _MINUS, _ALONE = 3, 4, 7, 8
_BINDING = {"or": 1, "and": 2, **dict.fromkeys(COMPARISONS, _COMPARISON), "+": 5, "-": 5, "*": 6, "/": 6}
_WORDS = ("or", "and", "not")
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<text>"[^"]*"|'[^']*')
    |(?P<sign>==|!=|<=|>=|<>|&&|\|\||\*\*|\S))""",
    re.VERBOSE,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SIGN_HINTS = {
    "=": "compare with `==`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`, or `!=` to compare",
    "**": "write a power as a product: `x * x`",
    "^": "write a power as a product: `x * x`",
    "%": "write 5 percent as `0.05`",
    "×": "write `*`",
    "÷": "write `/`",
    "−": "write `-`",
    "–": "write `-`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    '"': "close the text with the quote that opens it",
    "'": "close the text with the quote that opens it",
}
_TEXT_HINT = 'a text stands right of `==` or `!=`, after the name that holds it: meter_size == "3/4"'
_A_VALUE = "a number, a name, a function or `(`"


class FormulaError(TariffError):
    """A formula cannot be read. `position` counts its characters from 1."""

    def __init__(self, message: str, position: int, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.position = position


@dataclass(frozen=True)
class _Token:
    kind: str
    """number, name, word (or, and, not), text, sign or end."""
    text: str
    start: int


@lru_cache(maxsize=4096)  # a text is read when it is checked, when it is levelled and when it is compiled
def parse_formula(text: str) -> Formula:
    """Return the formula that a text of a tariff file says.

    Raises:
        FormulaError: the text is none, with what was expected, what was found and where.

    >>> parse_formula("max(500, 0.80 * on_hist)").shape
    '(max 0 (* 1 2))'
    """
    if len(text) > MAX_LENGTH:
        message = f"expected a formula of at most {MAX_LENGTH} characters, found {len(text)}"
        raise FormulaError(message, MAX_LENGTH + 1, hint="name a part of it as a quantity with a formula of its own")
    reader = _Reader(text, _tokens(text))
    shape = reader.expression(0)
    if reader.token.kind != "end":
        raise reader.unexpected("an operator or the end")
    return Formula(shape, tuple(reader.operands))


def _tokens(text: str) -> list[_Token]:
    """Return the tokens of a text, the last one of kind `end`."""
    found: list[_Token] = []
    end = len(text.rstrip())
    at = 0
    while at < end:
        match = _TOKEN.match(text, at)
        assert match and match.lastgroup, "a token is at least one character"
        kind, part = match.lastgroup, match[match.lastgroup]
        found.append(_Token("word" if part in _WORDS else kind, part, match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", end)]


class _Reader:
    """Reads tokens from left to right; keeps the operands that it met."""

    def __init__(self, text: str, tokens: Sequence[_Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.operands: list[Operand] = []

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def is_sign(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.text == sign

    def expression(self, binding: int) -> str:
        """Return the shape of all that follows and binds tighter than `binding`."""
        shape = self.nested_start(binding)
        while _BINDING.get(self.operator(), 0) > binding:
            operator = self.take().text
            if operator in {"==", "!="} and self.token.kind == "text":
                self.test_text(shape, is_equal=operator == "==")
            else:
                shape = f"({operator} {shape} {self.expression(_BINDING[operator])})"
            if operator in COMPARISONS and self.operator() in COMPARISONS:
                raise self.unexpected("one comparison", hint="join two comparisons with `and`")
        return shape

    def operator(self) -> str:
        """Return the operator that comes next, or an empty text when none does."""
        return self.token.text if self.token.kind in {"sign", "word"} else ""

    def nested_start(self, binding: int) -> str:
        """Return the shape of what an expression begins with, one level deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            hint = "name a part of it as a quantity with a formula of its own"
            raise self.unexpected(f"at most {MAX_DEPTH} levels, one inside the other", hint=hint)
        shape = self.start(binding)
        self.depth -= 1
        return shape

    def start(self, binding: int) -> str:
        token = self.token
        if token.kind == "number":
            return self.number()
        if token.kind == "name":
            return self.function() if token.text in FUNCTIONS or self.is_called() else self.name()
        if token.text == "not":
            if binding > _NOT:
                raise self.unexpected(_A_VALUE, hint="put `not` and what follows it in parentheses")
            self.take()
            return f"(not {self.expression(_NOT)})"
        if self.is_sign("-"):
            self.take()
            return self.minus(self.nested_start(_MINUS))
        if self.is_sign("("):
            self.take()
            shape = self.expression(0)
            self.close("an operator or `)`")
            return shape
        raise self.unexpected(_A_VALUE, hint=_TEXT_HINT if token.kind == "text" else None)

    def is_called(self) -> bool:
        after = self.tokens[self.at + 1]
        return after.kind == "sign" and after.text == "("

    def operand(self, operand: Operand) -> str:
        self.operands.append(operand)
        return str(len(self.operands) - 1)

    def number(self) -> str:
        digits = self.token.text
        value = Decimal(digits)
        decimals = len(digits.partition(".")[2])
        if re.match("0[0-9]", digits):
            raise self.unexpected("a number without leading zeros", hint="write a thousand as `1000`, without a comma")
        if decimals > FORMULA_DECIMALS or value > FORMULA_MAX:
            raise self.unexpected(f"a number up to 10^24 with at most {FORMULA_DECIMALS} decimals")
        self.take()
        return self.operand(Number(value))

    def name(self) -> str:
        name = self.token.text
        if not _NAME.fullmatch(name):
            lower = name.lower().lstrip("_")
            hint = f"did you mean `{lower}`?" if lower else None
            raise self.unexpected("a name of a-z, 0-9 and `_` that begins with a letter", hint=hint)
        self.take()
        return self.operand(Name(name))

    def minus(self, shape: str) -> str:
        """Return the negative of a shape; that of a constant is a constant, so that shapes do not depend on signs."""
        last = self.operands[-1]
        if shape.isdigit() and isinstance(last, Number):
            self.operands[-1] = Number(last.value.copy_negate())
            return shape
        return f"(neg {shape})"

    def test_text(self, shape: str, *, is_equal: bool) -> None:
        """Make a test of the name that was just read, whose place in the shape stays."""
        last = self.operands[-1]
        if not (shape.isdigit() and isinstance(last, Name)):
            raise self.unexpected("a number to compare with", hint=_TEXT_HINT)
        self.operands[-1] = TextTest(last.name, self.take().text[1:-1], is_equal)

    def function(self) -> str:
        called = self.token
        if called.text not in FUNCTIONS:
            known = show_names(list(FUNCTIONS))
            hint = suggestion(called.text, FUNCTIONS) or "put an operator between the name and `(`"
            raise self.unexpected(f"a function ({known})", hint=hint)
        self.take()
        if not self.is_sign("("):
            raise self.unexpected(f"`(` after the function `{called.text}`")
        self.take()
        parts: list[str] = []
        if not self.is_sign(")"):
            parts.append(self.expression(0))
        while self.is_sign(","):
            self.take()
            parts.append(self.expression(0))
        self.check_arguments(called, len(parts))
        return f"({called.text} {' '.join(parts)})"

    def check_arguments(self, called: _Token, count: int) -> None:
        """Read the end of a call and refuse a wrong number of arguments."""
        fewest, most = FUNCTIONS[called.text]
        self.close("an operator, `,` or `)`")
        if count >= fewest and (most is None or count <= most):
            return
        wanted = "1 or more" if most is None else " or ".join(map(str, sorted({fewest, most})))
        plural = "" if wanted == "1" else "s"
        message = f"expected {wanted} argument{plural} for `{called.text}`, found {count} {self.place(called.start)}"
        raise FormulaError(message, called.start + 1)

    def close(self, expected: str) -> None:
        if not self.is_sign(")"):
            raise self.unexpected(expected)
        self.take()

    def unexpected(self, expected: str, *, hint: str | None = None) -> FormulaError:
        """Return the error that something else was expected in place of the token that comes next."""
        token = self.token
        found = "the end" if token.kind == "end" else f"`{token.text}`"
        return FormulaError(
            f"expected {expected}, found {found} {self.place(token.start)}",
            token.start + 1,
            hint=hint or self.token_hint(token),
        )

    def token_hint(self, token: _Token) -> str | None:
        if token.kind == "sign" and token.text in _SIGN_HINTS:
            return _SIGN_HINTS[token.text]
        is_shouted = token.kind == "name" and token.text.lower() in _WORDS
        return f"write `{token.text.lower()}`" if is_shouted else None

    def place(self, start: int) -> str:
        """Return where something starts: its character, and the text before it."""
        before = self.text[:start].rstrip()
        if not before:
            return "at the start"
        return f"at character {start + 1}, after `{before if len(before) <= 24 else '...' + before[-20:]}`"


def render(formula: Formula, values: Mapping[str, Decimal | str]) -> str:
    """Return a formula as text with values in place of names; a name without a value stays.

    >>> render(parse_formula("max(500, kw_on) * (1 + pos(0.95 - pf))"), {"kw_on": Decimal("480.000"), "pf": Decimal(1)})
    'max(500, 480) * (1 + pos(0.95 - 1))'
    """
    return fold_shape(formula.shape, lambda number: _operand_text(formula.operands[number], values), _operator_text)[0]


# A text and how tightly its outermost operator binds: what binds looser than its neighbour is put in parentheses.
_Text = tuple[str, int]


def _operand_text(operand: Operand, values: Mapping[str, Decimal | str]) -> _Text:
    match operand:
        case Number():
            return _number_text(operand.value)
        case Name():
            value = values.get(operand.name, operand.name)
            return _number_text(_plain(value)) if isinstance(value, Decimal) else (value, _ALONE)
        case TextTest():
            found = _quoted(str(values[operand.name])) if operand.name in values else operand.name
            return f"{found} {'==' if operand.is_equal else '!='} {_quoted(operand.text)}", _COMPARISON


def _plain(value: Decimal) -> Decimal:
    """Return a value without the zeros that its last decimals may be."""
    if not value:
        return Decimal(0)
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else value


def _number_text(value: Decimal) -> _Text:
    """Return a number; a negative one stands in parentheses beside any operator."""
    return f"{value:f}", _ALONE if not value.is_signed() else 0


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _operator_text(operator: str, parts: Sequence[_Text]) -> _Text:
    if operator in FUNCTIONS:
        return f"{operator}({', '.join(text for text, _ in parts)})", _ALONE
    if operator == "not":
        return f"not {_inside(parts[0], _NOT)}", _NOT
    if operator == "neg":
        return f"-{_inside(parts[0], _MINUS)}", _MINUS
    binding = _BINDING[operator]
    left = _inside(parts[0], binding + (binding == _COMPARISON))
    return f"{left} {operator} {_inside(parts[1], binding + 1)}", binding


def _inside(part: _Text, binding: int) -> str:
    """Return a text to stand beside an operator."""
    text, own = part
    return text if own >= binding else f"({text})"
