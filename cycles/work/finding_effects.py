"""What a finding moved: energy, and money at the account's own average price. For the order of work, never for a bill.

Energy is what was used less what was found; a gap was nothing. Where the value was kept it is zero, and where the slots
stayed empty nobody knows.
"""

from __future__ import annotations

import polars as pl

from model.codes import RunState, Severity
from model.tariff import RateBook
from model.units import PRINTED_UNITS, SMALLEST_UNIT
from store.control import Connection, query
from store.lake import lake_paths
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

KEPT = [Severity.INFO.value, Severity.WARN.value]
_SUPPLY = ["account_id", "service_point_id", "measure"]
_PRICES_SCHEMA = {
    "account_id": pl.String, "service_point_id": pl.String, "measure": pl.String, "price_minor": pl.Int64,
    "price_quantity": pl.Int64, "price_source": pl.String,
}  # fmt: skip


def energy_effect() -> pl.Expr:
    """Return the energy that a finding moved, in smallest units of its channel; null when it is not known."""
    is_interval = pl.col("first_slot").is_not_null()
    return (
        pl.when(is_interval & pl.col("used").is_not_null())
        .then(pl.col("used") - pl.col("found").fill_null(0))
        .when(pl.col("severity").is_in(KEPT))
        .then(pl.lit(0, dtype=pl.Int64))
        .alias("effect_quantity")
    )


def with_money(workspace: Workspace, connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add effect_minor (minor units of `currency`, half away from zero) and price_source; null where no price is known.

    The price is the average of the supply's last published bill, else the first energy price of its tariff.
    """
    book = load_rate_book(connection)
    billed = _billed_prices(workspace, connection, findings, book)
    listed = _listed_prices(findings, book)
    priced = findings.join(billed, how="left", on=_SUPPLY, validate="m:1").join(
        listed, how="left", on="finding_id", validate="1:1", suffix="_listed"
    )
    names = ["price_minor", "price_quantity", "price_source"]
    is_billed = pl.col("price_quantity").is_not_null()
    chosen = [pl.when(is_billed).then(name).otherwise(f"{name}_listed").alias(name) for name in names]
    return (
        priced.with_columns(chosen)
        .with_columns(_money())
        .drop("price_minor", "price_quantity", *(f"{name}_listed" for name in names))
    )


def _money() -> pl.Expr:
    """Return energy x price_minor / price_quantity, rounded half away from zero."""
    exact = pl.col("effect_quantity").cast(pl.Int128) * pl.col("price_minor").cast(pl.Int128)
    whole = pl.col("price_quantity").cast(pl.Int128)
    size = ((exact.abs() * 2 + whole) // (whole * 2)).cast(pl.Int64)
    return pl.when(exact < 0).then(-size).otherwise(size).alias("effect_minor")


def _billed_prices(
    workspace: Workspace, connection: Connection, findings: pl.DataFrame, book: RateBook
) -> pl.DataFrame:
    """Return what each supply's last published bill charged for its energy, and how much energy that was.

    Several charges price the same energy (supply, network, clauses): amounts add up, the energy is that of the charge
    that prices most of it.
    """
    rows = query(
        connection,
        "SELECT f.path FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner "
        "WHERE f.table_name = 'bill_lines' AND r.state = ? ORDER BY f.path",
        [RunState.PUBLISHED.value],
    )
    if rows.is_empty():
        return pl.DataFrame(schema=_PRICES_SCHEMA)
    supplies = findings.select(_SUPPLY).drop_nulls().unique()
    measured = book.quantities.filter(pl.col("kind") == "measured").select(
        "version_id", "measure", determinant="quantity_id"
    )
    is_energy = (pl.col("kind") == "quantity") & (pl.col("category") == "charge")
    smallest = pl.col("measure").replace_strict({measure.value: unit for measure, unit in SMALLEST_UNIT.items()})
    lines = (
        pl.scan_parquet(lake_paths(workspace, rows["path"]), glob=False)
        .filter(is_energy)
        .join(measured.lazy(), how="inner", on=["version_id", "determinant"], validate="m:1")
        .join(supplies.lazy(), how="semi", on=_SUPPLY)
        .collect()
        .filter(_printed_smallest() == smallest)
    )
    charged = lines.group_by(*_SUPPLY, "bill_id", "component_id").agg(
        pl.col("amount_minor").sum(), pl.col("quantity").sum(), pl.col("period_end_date").max()
    )
    bills = charged.group_by(*_SUPPLY, "bill_id").agg(
        price_minor=pl.col("amount_minor").sum(),
        price_quantity=pl.col("quantity").max(),
        period_end_date=pl.col("period_end_date").max(),
    )
    last = bills.filter(pl.col("price_quantity") > 0).sort(*_SUPPLY, "period_end_date", "bill_id")
    return last.unique(_SUPPLY, keep="last").select(
        *_SUPPLY, "price_minor", "price_quantity", price_source=pl.format("average of bill {}", "bill_id")
    )


def _printed_smallest() -> pl.Expr:
    """Return the smallest unit that the printed unit of a line counts: Wh for kWh, W for kW."""
    return pl.col("unit").replace_strict({name: smallest for name, (smallest, _) in PRINTED_UNITS.items()}, default="")


def _listed_prices(findings: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return, for each finding, the first energy price of the tariff of its agreement on its day."""
    versions = book.versions.select("version_id", "tariff_id", "currency_exponent", "valid_from", "valid_to")
    quantities = book.quantities.filter((pl.col("kind") == "measured") & (pl.col("agg") == "sum")).select(
        "version_id", "quantity_id", "measure", "unit_size"
    )
    components = book.components.filter((pl.col("kind") == "quantity") & (pl.col("category") == "charge"))
    prices = book.prices.filter(pl.col("price_e9").is_not_null()).sort("version_id", "component_id", "tier")
    energy = (
        components.select("version_id", "component_id", "position", "quantity_id")
        .join(quantities, how="inner", on=["version_id", "quantity_id"], validate="m:1")
        .join(
            prices.unique(["version_id", "component_id"], keep="first", maintain_order=True).select(
                "version_id", "component_id", "price_e9"
            ),
            how="inner",
            on=["version_id", "component_id"],
            validate="1:1",
        )
        .sort("version_id", "position")
        .unique(["version_id", "measure"], keep="first", maintain_order=True)
        .join(versions, how="inner", on="version_id", validate="m:1")
    )
    day = pl.col("lived_day")
    held = (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (day < pl.col("valid_to")))
    asked = findings.select("finding_id", "tariff_id", "measure", "lived_day").drop_nulls()
    found = asked.join(energy, how="inner", on=["tariff_id", "measure"], validate="m:m").filter(held)
    # Price x 10^9 in major units for `unit_size` smallest units, so in minor units for 10^9 times as many.
    scale = pl.lit(10, dtype=pl.Int64).pow(pl.col("currency_exponent")).cast(pl.Int64)
    return found.unique("finding_id", keep="first").select(
        "finding_id",
        price_minor=pl.col("price_e9") * scale,
        price_quantity=pl.col("unit_size") * 10**9,
        price_source=pl.format("first energy price of {}", "version_id"),
    )
