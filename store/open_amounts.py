"""What each open item has open: its amount, less what settled it, more what of a credit was used up."""

from __future__ import annotations

from store.control import Connection

_OPEN_AMOUNTS = """
    CREATE OR REPLACE TEMP VIEW open_amount AS
    WITH settled AS (SELECT debit_item_id AS item_id, sum(amount_minor) AS amount FROM allocation GROUP BY ALL),
         used AS (SELECT credit_item_id AS item_id, sum(amount_minor) AS amount FROM allocation GROUP BY ALL)
    SELECT i.item_id, i.bill_id, i.account_id, i.branch_id, i.currency, coalesce(i.gl_account, '142') AS gl_account,
           i.due_date, i.amount_minor,
           (i.amount_minor - coalesce(settled.amount, 0) + coalesce(used.amount, 0))::BIGINT AS open_minor
    FROM open_item AS i LEFT JOIN settled USING (item_id) LEFT JOIN used USING (item_id)
"""


def prepare_open_amounts(connection: Connection) -> None:
    """Make the view `open_amount` known to this connection: items with `gl_account` filled and `open_minor`."""
    connection.execute(_OPEN_AMOUNTS)
