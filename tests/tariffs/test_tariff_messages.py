"""Each file in `messages` is a tariff file that is refused; its lines `#> ` are the message, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import ExitCode, TariffError
from tariffs.file import parse_tariff

MESSAGES = sorted((Path(__file__).parent / "messages").glob("*.toml"))


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_a_file_that_cannot_be_used_is_refused_with_this_message(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = "\n".join(line.removeprefix("#> ") for line in text.splitlines() if line.startswith("#> "))
    with pytest.raises(TariffError) as caught:
        parse_tariff(text, path.name)
    assert str(caught.value) == expected
    assert caught.value.exit_code == ExitCode.REFUSED


def test_every_problem_of_a_file_is_in_one_message() -> None:
    path = Path(__file__).parent / "messages" / "several_problems.toml"
    with pytest.raises(TariffError) as caught:
        parse_tariff(path.read_text(encoding="utf-8"), path.name)
    assert caught.value.message.count("\n  at ") == 3


def test_the_hint_of_a_single_problem_stands_apart() -> None:
    path = Path(__file__).parent / "messages" / "unknown_key_in_charge.toml"
    with pytest.raises(TariffError) as caught:
        parse_tariff(path.read_text(encoding="utf-8"), path.name)
    assert caught.value.hint == "did you mean `price`?"
