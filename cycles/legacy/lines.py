"""A legacy system's bill lines, read from CSV or Parquet: in columns, exactly, bad rows set aside with their reason."""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.legacy.mapping import TAX_CODE, LegacyMapping
from model.errors import ControlError, InputError
from model.ids import content_hash
from model.money import CURRENCY_EXPONENT, format_minor
from model.parallel import LegacyLines
from model.schema import arranged
from store.files import read_bytes

_TEXTS = ("account", "service_point", "period_start", "period_end", "line", "quantity", "amount", "tax", "total")
_NEEDED = ("account", "period_start", "period_end", "line", "amount")
_NUMBER = r"^([+-]?)(\d{1,13})(?:\.(\d{1,9}))?$"


@dataclass(frozen=True)
class LegacyFile:
    """What a legacy file holds. Amounts are in minor units of `currency`."""

    name: str
    sha256: str
    currency: str
    rows: int
    lines: DataFrame[LegacyLines]
    rejects: pl.DataFrame
    """Rows that are not compared: row, reason, text."""
    total_minor: int
    """Sum of all amounts and taxes that can be read, also of rows that are not compared."""


def read_legacy(path: Path, mapping: LegacyMapping, currency: str, control_total: Decimal | None = None) -> LegacyFile:
    """Read a legacy file; its total must be the control total, where one is given.

    Raises:
        InputError: the file cannot be read, or lacks a column.
        ControlError: rows or amounts do not add up to what the mapping or `control_total` says.
    """
    data = read_bytes(path)
    texts = _texts(path, data, mapping)
    exponent = CURRENCY_EXPONENT[currency]
    read = texts.with_columns(
        _minor("amount", mapping, exponent), _minor("tax", mapping, exponent), _minor("total", mapping, exponent),
        _scaled("quantity", mapping, 6).alias("quantity_e6"),
        _day("period_start", mapping).alias("period_start_date"),
        _day("period_end", mapping).alias("end"),
    ).with_columns(_after("end", mapping).alias("period_end_date"))  # fmt: skip
    judged = read.with_columns(_reason(exponent, currency).alias("reason"))
    rejects = judged.filter(pl.col("reason").is_not_null()).select("row", "reason", _row_text())
    taken = judged.filter(pl.col("reason").is_null() & ~pl.col("line").is_in(list(mapping.ignore)))
    total = int(read.select(pl.sum_horizontal(pl.col("amount_minor").sum(), pl.col("tax_minor").sum())).item() or 0)
    _meet_control(path.name, mapping, control_total, texts.height, total, currency)
    return LegacyFile(
        path.name, content_hash(data), currency, texts.height, _as_lines(taken, mapping), rejects.sort("row"), total
    )


def read_balances(path: Path, mapping: LegacyMapping, currency: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return balances of a legacy file (account_id, legacy_minor; rows of one account added up), and its rejects.

    Columns are `account` and `amount`, or as the mapping names them; above zero is owed to us.

    Raises:
        InputError: the file cannot be read, or lacks a column.
        ControlError: it does not add up to the mapping's control.
    """
    exponent = CURRENCY_EXPONENT[currency]
    texts = _texts(path, read_bytes(path), mapping, needed=("account", "amount"))
    read = texts.with_columns(_minor("amount", mapping, exponent))
    reason = (
        pl.when(pl.col("account").is_null()).then(pl.lit("account is empty"))
        .when(pl.col("amount_minor").is_null())
        .then(pl.format("amount: expected a number with at most {} decimals, found `{}`", pl.lit(exponent),
                        pl.col("amount").fill_null("")))
    )  # fmt: skip
    judged = read.with_columns(reason.alias("reason"))
    total = int(read["amount_minor"].sum() or 0)
    _meet_control(path.name, mapping, None, texts.height, total, currency)
    taken = judged.filter(pl.col("reason").is_null())
    balances = taken.group_by(pl.col("account").alias("account_id")).agg(
        pl.col("amount_minor").sum().alias("legacy_minor")
    )
    rejects = judged.filter(pl.col("reason").is_not_null()).select("row", "reason", _row_text())
    return balances.sort("account_id"), rejects


def _texts(path: Path, data: bytes, mapping: LegacyMapping, needed: tuple[str, ...] = _NEEDED) -> pl.DataFrame:
    """Return the rows as texts, one column for each part of a line; what the file lacks is null.

    `needed` are the parts that it must have, and those that the mapping names.
    """
    frame = _parquet_texts(path, data) if data[:4] == b"PAR1" else _csv_texts(path, data, mapping)
    names: dict[str, str | None] = mapping.columns.model_dump()
    for part, name in names.items():
        is_named = part in needed or (name != LegacyMapping().columns.model_dump()[part] and needed == _NEEDED)
        if name is not None and name not in frame.columns and is_named:
            found = ", ".join(f"`{column}`" for column in frame.columns[:12])
            raise InputError(
                f"legacy file `{path.name}`: expected column `{name}` ({part}), found {found}",
                hint="name the columns in a mapping: --mapping FILE, see docs/cutover.md",
            )
    chosen = [
        (pl.col(name).str.strip_chars() if name in frame.columns else pl.lit(None, pl.String)).alias(part)
        for part, name in names.items()
    ]
    texts = frame.select(chosen).with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep())
    return texts.with_row_index("row", offset=2).with_columns(pl.col("row").cast(pl.Int64))


def _csv_texts(path: Path, data: bytes, mapping: LegacyMapping) -> pl.DataFrame:
    try:
        text = data.decode("utf-8-sig" if mapping.file.encoding == "utf-8" else mapping.file.encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"legacy file `{path.name}`: expected text in {mapping.file.encoding}: {error}",
            hint='say how it is written: [file] encoding = "cp1252" in the mapping',
        ) from error
    try:
        return pl.read_csv(io.StringIO(text), separator=mapping.file.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"legacy file `{path.name}`: expected rows with the fields of the header: {said}",
            hint=f"fields are separated by `{mapping.file.separator}`; another is named in the mapping",
        ) from error


def _parquet_texts(path: Path, data: bytes) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"legacy file `{path.name}` is not readable as Parquet: {str(error).splitlines()[0]}",
            hint="export it again",
        ) from error
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    if floats:
        raise InputError(
            f"legacy file `{path.name}`: expected text or decimals, found floating point in column `{floats[0]}`",
            hint="write amounts as DECIMAL: a float does not hold cents exactly",
        )
    return frame.with_columns(pl.all().cast(pl.String))


def _scaled(name: str, mapping: LegacyMapping, decimals: int) -> pl.Expr:
    """Return a printed number x 10^decimals; null where it is none, or has more decimals that are not zero."""
    text = pl.col(name)
    if mapping.file.thousands:
        text = text.str.replace_all(mapping.file.thousands, "", literal=True)
    if mapping.file.decimal != ".":
        text = text.str.replace(mapping.file.decimal, ".", literal=True)
    # Ledgers print a minus behind the number, or parentheses around it.
    text = text.str.replace(r"^\((.*)\)$", "-$1").str.replace(r"^(.*)-$", "-$1")
    parts = [text.str.extract(_NUMBER, place) for place in (1, 2, 3)]
    rest = parts[2].fill_null("").str.strip_chars_end("0")
    size = pl.concat_str(parts[1], rest.str.pad_end(decimals, "0")).cast(pl.Int64, strict=False)
    sign = pl.when(parts[0] == "-").then(-1).otherwise(1)
    return pl.when(rest.str.len_chars() <= decimals).then(sign * size)


def _minor(name: str, mapping: LegacyMapping, exponent: int) -> pl.Expr:
    value = _scaled(name, mapping, exponent)
    if mapping.signs.negate:
        value = pl.when(pl.col("line").is_in(list(mapping.signs.negate))).then(-value).otherwise(value)
    return value.alias(f"{name}_minor")


def _day(name: str, mapping: LegacyMapping) -> pl.Expr:
    return pl.col(name).str.to_date(mapping.file.dates, strict=False)


def _after(name: str, mapping: LegacyMapping) -> pl.Expr:
    return pl.col(name).dt.offset_by("1d") if mapping.period.end == "included" else pl.col(name)


def _reason(exponent: int, currency: str) -> pl.Expr:
    """Return why a row is not compared, null where it is: the first thing that is wrong."""
    both = pl.col("amount_minor") + pl.col("tax_minor").fill_null(0)

    def unread(text: str, value: str, what: str) -> tuple[pl.Expr, pl.Expr]:
        is_bad = pl.col(text).is_not_null() & pl.col(value).is_null()
        return is_bad, pl.format(f"{text}: expected {what}, found `{{}}`", text)

    number = f"a number with at most {exponent} decimals ({currency})"
    checks = [
        *((pl.col(name).is_null(), pl.lit(f"{name} is empty"))
          for name in ("account", "line", "amount", "period_start", "period_end")),
        unread("amount", "amount_minor", number), unread("tax", "tax_minor", number),
        unread("total", "total_minor", number), unread("quantity", "quantity_e6", "a number with at most 6 decimals"),
        unread("period_start", "period_start_date", "a day"), unread("period_end", "period_end_date", "a day"),
        (pl.col("period_start_date") >= pl.col("period_end_date"),
         pl.format("period {} to {} has no day", "period_start", "period_end")),
        (pl.col("total_minor") != both,
         pl.format("total: expected amount and tax, {} and {}, found {}", "amount", pl.col("tax").fill_null("0"),
                   "total")),
    ]  # fmt: skip
    return pl.coalesce(*(pl.when(is_bad).then(said) for is_bad, said in checks), pl.lit(None, pl.String))


def _row_text() -> pl.Expr:
    return pl.concat_str([pl.col(name).fill_null("") for name in _TEXTS], separator=" | ").alias("text")


def _as_lines(taken: pl.DataFrame, mapping: LegacyMapping) -> DataFrame[LegacyLines]:
    """Return the lines: one for each amount, and one for each tax that the file has in a column of its own."""
    point = pl.col("service_point").fill_null("").alias("service_point_id")
    shared: list[str | pl.Expr] = [
        "row", pl.col("account").alias("account_id"), point, "period_start_date", "period_end_date"
    ]  # fmt: skip
    amounts = taken.select(*shared, pl.col("line").alias("code"), "quantity_e6", "amount_minor")
    taxes = taken.filter(pl.col("tax_minor").is_not_null()).select(
        *shared, pl.lit(TAX_CODE).alias("code"), pl.lit(None, pl.Int64).alias("quantity_e6"),
        pl.col("tax_minor").alias("amount_minor"),
    )  # fmt: skip
    return arranged(LegacyLines, pl.concat([amounts, taxes]).sort("row", "code"))


def _meet_control(
    name: str, mapping: LegacyMapping, control_total: Decimal | None, rows: int, total_minor: int, currency: str
) -> None:
    if mapping.control.rows is not None and mapping.control.rows != rows:
        raise ControlError(
            f"legacy file `{name}`: expected {mapping.control.rows} rows as its control says, found {rows}",
            hint="ask for the whole file, or mend [control] in the mapping",
        )
    expected = control_total if control_total is not None else mapping.control.total
    if expected is not None and expected.scaleb(CURRENCY_EXPONENT[currency]) != total_minor:
        raise ControlError(
            f"legacy file `{name}`: expected a total of {expected:,} {currency}, found "
            f"{format_minor(total_minor, currency)} {currency}",
            hint="ask for the whole file; a number that cannot be read counts as nothing",
        )
