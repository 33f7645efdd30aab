"""The bills of the benchmark's tariffs as an analyst writes them in DuckDB SQL over the rate book's tables.

Exact too: prices and quantities are decimals, and every line is rounded once. It leaves out what this month does not
need (versions, seasons and factors that change inside it, parks, explanation) and what SQL has no words for: formulas.
"""

from __future__ import annotations

import duckdb
import polars as pl

from model.tariff import RateBook

_TABLES = ("versions", "quantities", "components", "prices", "bases", "season_days")

# June lies in one season of every tariff, and has 30 days.
LINES_SQL = """
WITH held AS (
    SELECT d.agreement_id, v.version_id, s.season
    FROM due d
    JOIN versions v ON v.tariff_id = d.tariff_id
    JOIN season_days s ON s.version_id = v.version_id AND s.month = 6 AND s.day_of_month = 1
),
used AS (
    SELECT h.agreement_id, h.version_id, c.component_id, h.season, c.by_season, c.tiers_share, n.unit_size,
           CASE WHEN c.by_tou THEN g.tou ELSE '' END AS tou,
           CASE any_value(n.agg) WHEN 'max' THEN max(g.quantity) ELSE sum(g.quantity) END AS quantity
    FROM held h
    JOIN components c ON c.version_id = h.version_id AND c.kind = 'quantity'
    JOIN quantities n ON n.version_id = c.version_id AND n.quantity_id = c.quantity_id
    JOIN given g ON g.agreement_id = h.agreement_id AND g.quantity_id = c.quantity_id
    GROUP BY ALL
),
priced AS (
    SELECT u.agreement_id, u.version_id, u.component_id, u.tou, p.tier, p.price_e9,
           greatest(least(u.quantity, coalesce(p.to_quantity * days, u.quantity)) - p.from_quantity * days, 0)
               AS quantity, u.unit_size
    FROM (SELECT *, CASE WHEN tiers_share = 'day' THEN 30 ELSE 1 END AS days FROM used) u
    JOIN prices p ON p.version_id = u.version_id AND p.component_id = u.component_id AND p.tou = u.tou
                 AND p.season = CASE WHEN u.by_season THEN u.season ELSE '' END
    UNION ALL
    SELECT h.agreement_id, h.version_id, c.component_id, '', 1, p.price_e9, 30, 1
    FROM held h
    JOIN components c ON c.version_id = h.version_id AND c.kind = 'daily'
    JOIN prices p ON p.version_id = c.version_id AND p.component_id = c.component_id
),
first_lines AS (
    SELECT agreement_id, version_id, component_id, tou, tier, quantity, unit_size, price_e9,
           round(price_e9::DECIMAL(19, 0) * quantity::DECIMAL(13, 0)
                 * (1000 // unit_size)::DECIMAL(4, 0) * 0.000000000001::DECIMAL(12, 12), 2)::DECIMAL(18, 2) AS amount
    FROM priced
    WHERE quantity > 0
),
second_bases AS (
    SELECT l.agreement_id, l.version_id, c.component_id, p.price_e9, sum(l.amount)::DECIMAL(14, 2) AS base
    FROM first_lines l
    JOIN bases b ON b.version_id = l.version_id AND b.base_component_id = l.component_id
    JOIN components c ON c.version_id = b.version_id AND c.component_id = b.component_id AND c.level = 2
    JOIN prices p ON p.version_id = c.version_id AND p.component_id = c.component_id
    GROUP BY ALL
),
second_lines AS (
    SELECT *, round(base * price_e9::DECIMAL(12, 0) * 0.00000000001::DECIMAL(11, 11), 2)::DECIMAL(18, 2) AS amount
    FROM second_bases
),
third_bases AS (
    SELECT l.agreement_id, l.version_id, c.component_id, p.price_e9, sum(l.amount)::DECIMAL(14, 2) AS base
    FROM (SELECT agreement_id, version_id, component_id, amount FROM first_lines
          UNION ALL SELECT agreement_id, version_id, component_id, amount FROM second_lines) l
    JOIN bases b ON b.version_id = l.version_id AND b.base_component_id = l.component_id
    JOIN components c ON c.version_id = b.version_id AND c.component_id = b.component_id AND c.level = 3
    JOIN prices p ON p.version_id = c.version_id AND p.component_id = c.component_id
    GROUP BY ALL
),
third_lines AS (
    SELECT *, round(base * price_e9::DECIMAL(12, 0) * 0.00000000001::DECIMAL(11, 11), 2)::DECIMAL(18, 2) AS amount
    FROM third_bases
)
SELECT agreement_id, version_id, component_id, tou, tier, quantity, price_e9, (amount * 100)::BIGINT AS amount_minor
FROM first_lines
UNION ALL
SELECT agreement_id, version_id, component_id, '' AS tou, 0 AS tier, (base * 100)::BIGINT, price_e9,
       (amount * 100)::BIGINT
FROM (SELECT * FROM second_lines UNION ALL SELECT * FROM third_lines)
ORDER BY agreement_id, component_id, tou, tier
"""


def connection_of(due: pl.DataFrame, book: RateBook, given: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """Return a database with the tables that `LINES_SQL` reads; as tables, so that joins are planned by their sizes."""
    connection = duckdb.connect()
    frames = {"due": due, "given": given} | {name: book.frames()[name] for name in _TABLES}
    for name, frame in frames.items():
        connection.register("loaded", frame.to_arrow())
        connection.sql(f"CREATE TABLE {name} AS FROM loaded")
        connection.unregister("loaded")
    return connection


def sql_lines(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the bill lines of the agreements, in the order of agreement, charge, period and tier."""
    found: pl.DataFrame = connection.sql(LINES_SQL).pl()
    return found
