"""Invariants of the books as SQL. Each query returns subject_id, expected, found of what breaks it.

Tables are those of the control database; `journal_line` and `open_item` are all of the books, `open_amount` has what
each item has open; `books_...` are the published rows, of one run at its publish and of all runs otherwise.

What a run billed lies in files that never change, and meets within each bill: who made it compared that
(`ledger.invariants`). So at a publish `checked_leg` and `checked_item` are what was posted beside, and `added_leg` that
and the run's own legs; otherwise all three are the whole. The variable `open_from` leaves out closed periods.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """An invariant: its name, what it says in a sentence, and the query for its offenders."""

    name: str
    meaning: str
    sql: str
    at_publish: bool = True
    """True when it runs at every publish too. What goes through every line does not: the run's own frames were compared
    when it was staged, its invoices when they were numbered, and its files are those that were hashed then."""
    is_blocking: bool = True
    """False when offenders are work for somebody, and not a fault of the books."""


# What allocations have moved on each item: below zero settled, above zero used up of a credit.
_MOVED = """moved AS (
               SELECT item_id, sum(amount_minor) AS amount FROM (
                   SELECT debit_item_id AS item_id, -amount_minor AS amount_minor FROM allocation
                   UNION ALL SELECT credit_item_id, amount_minor FROM allocation) GROUP BY item_id)"""
_OPEN_LEGS = "checked_leg WHERE booked_date >= coalesce(getvariable('open_from'), DATE '0001-01-01')"

CHECKS: tuple[Check, ...] = (
    Check(
        "I1 journal_balance", "the legs of each journal sum to zero in each currency",
        f"""SELECT journal_id AS subject_id, '0' AS expected, sum(amount_minor) AS found
            FROM {_OPEN_LEGS} GROUP BY journal_id, currency HAVING sum(amount_minor) <> 0""",
    ),
    Check(
        "I1 posting_has_journal", "each booked posting has its journal, each of its journals a booked posting",
        """SELECT coalesce(p.posting_id, j.posting_id) AS subject_id,
                  coalesce(p.kind, 'no journal') AS expected, coalesce(j.kind, 'no journal') AS found
           FROM (SELECT posting_id, kind FROM posting WHERE superseded_at IS NULL AND state = 'booked') AS p
           FULL JOIN (SELECT DISTINCT regexp_replace(journal_id, '/J$', '') AS posting_id, kind FROM added_leg
                      WHERE kind NOT IN ('bill', 'reversal', 'allocation', 'unbilled', 'unbilled_reversal')) AS j
           ON p.posting_id = j.posting_id AND p.kind = j.kind WHERE p.kind IS NULL OR j.kind IS NULL""",
    ),
    Check(
        "I2 trial_balance", "debits and credits of each branch, currency and month are equal",
        f"""SELECT concat_ws('/', branch_id, currency, strftime(booked_date, '%Y-%m')) AS subject_id, '0' AS expected,
                   sum(amount_minor) AS found
            FROM {_OPEN_LEGS} GROUP BY ALL HAVING sum(amount_minor) <> 0
            """.replace("GROUP BY ALL", "GROUP BY branch_id, currency, strftime(booked_date, '%Y-%m')"),
    ),
    Check(
        "I3 control_is_open_items", "each control account is the sum of its open items, by branch and account",
        # Of a bill the receivable is its item; in another control account it would have none.
        f"""WITH {_MOVED},
                places AS (
               SELECT branch_id, account_id, currency, gl_account, amount_minor FROM checked_leg
               WHERE gl_account = '142'
               UNION ALL SELECT branch_id, account_id, currency, gl_account, amount_minor FROM added_leg
               WHERE gl_account IN ('142.1', '142.2', '242')),
                opens AS (
               SELECT branch_id, account_id, currency, gl_account, amount_minor FROM checked_item
               UNION ALL SELECT i.branch_id, i.account_id, i.currency, i.gl_account, moved.amount
               FROM open_item AS i JOIN moved USING (item_id)),
                legs AS (SELECT branch_id, account_id, currency, gl_account, sum(amount_minor) AS amount
                         FROM places GROUP BY ALL),
                items AS (SELECT branch_id, account_id, currency, coalesce(gl_account, '142') AS gl_account,
                                 sum(amount_minor) AS amount FROM opens GROUP BY ALL)
           SELECT concat_ws('/', branch_id, account_id, currency, gl_account) AS subject_id,
                  coalesce(items.amount, 0) AS expected, coalesce(legs.amount, 0) AS found
           FROM legs FULL JOIN items USING (branch_id, account_id, currency, gl_account)
           WHERE coalesce(legs.amount, 0) <> coalesce(items.amount, 0)""",
    ),
    Check(
        "I4 invoice_is_bill_is_receivable", "invoice, bill, its lines with taxes and its receivable are one amount",
        """WITH lines AS (SELECT bill_id, sum(amount_minor) AS amount FROM books_line GROUP BY bill_id),
                legs AS (SELECT bill_id, sum(amount_minor) AS amount FROM journal_line
                         SEMI JOIN books_bill USING (bill_id)
                         WHERE gl_account = '142' AND kind IN ('bill', 'reversal') GROUP BY bill_id),
                invoices AS (SELECT bill_id, sum(total_minor) AS amount FROM books_invoice GROUP BY bill_id)
           SELECT bill_id AS subject_id, total_minor AS expected,
                  concat('lines ', lines.amount, ', receivable ', legs.amount, ', invoice ', invoices.amount) AS found
           FROM books_bill FULL JOIN lines USING (bill_id) FULL JOIN legs USING (bill_id)
           FULL JOIN invoices USING (bill_id)
           WHERE total_minor IS DISTINCT FROM lines.amount OR total_minor IS DISTINCT FROM legs.amount
              OR total_minor IS DISTINCT FROM invoices.amount OR total_minor <> net_minor + tax_minor""",
        at_publish=False,
    ),
    Check(
        "I5 never_more_than_open", "no item is settled, and no credit used, beyond its amount",
        f"""WITH {_MOVED}
            SELECT item_id AS subject_id, concat('between 0 and ', amount_minor) AS expected,
                   amount_minor + amount AS found
            FROM open_item JOIN moved USING (item_id)
            WHERE amount_minor + amount NOT BETWEEN least(amount_minor, 0) AND greatest(amount_minor, 0)""",
    ),
    Check(
        "I5 allocation_fits", "a credit settles a debt of the same account and currency",
        f"""WITH {_MOVED},
                items AS (SELECT * FROM open_item SEMI JOIN moved USING (item_id))
           SELECT concat_ws('>', a.credit_item_id, a.debit_item_id) AS subject_id,
                  'a credit and a debt of one account' AS expected,
                  concat_ws(', ', c.account_id, c.currency, c.amount_minor, d.account_id, d.currency, d.amount_minor)
                  AS found
           FROM (SELECT credit_item_id, debit_item_id, sum(amount_minor) AS amount_minor,
                        bool_or(amount_minor < 0) AS is_released, bool_or(amount_minor = 0) AS is_nothing
                 FROM allocation GROUP BY credit_item_id, debit_item_id) AS a
           LEFT JOIN items AS c ON c.item_id = a.credit_item_id
           LEFT JOIN items AS d ON d.item_id = a.debit_item_id
           WHERE a.amount_minor < 0 OR a.is_nothing
              OR a.is_released AND d.bill_id NOT IN (SELECT bill_id FROM reversed_bill) OR c.amount_minor IS NULL
              OR d.amount_minor IS NULL OR c.amount_minor >= 0 OR d.amount_minor <= 0
              OR c.account_id <> d.account_id OR c.currency <> d.currency""",
    ),
    Check(
        "I5 settles_its_item", "what is waived, written off or cancelled settles the item that it is about",
        """SELECT p.posting_id AS subject_id, concat(p.amount_minor, ' settled on ', p.item_id) AS expected,
                  coalesce(a.amount_minor, 0) AS found
           FROM posting AS p LEFT JOIN allocation AS a
           ON a.credit_item_id = p.posting_id || '/I' AND a.debit_item_id = p.item_id
           WHERE p.superseded_at IS NULL AND p.state = 'booked'
             AND p.kind IN ('waiver', 'write_off', 'deposit_cancelled')
             AND a.amount_minor IS DISTINCT FROM p.amount_minor""",
    ),
    # At publish the run's days were compared with those that stand (`cycles.publishing.incoming`), and with each other
    # when it was committed (`cycles.runs.keys`).
    Check(
        "I6 no_day_twice", "no day of an agreement stands on two bills",
        """WITH stands AS (
               SELECT agreement_id, period_start_date, period_end_date, bill_id, max(period_end_date) OVER (
                   PARTITION BY agreement_id ORDER BY period_start_date, period_end_date, bill_id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS billed_to
               FROM segment_key ANTI JOIN reversed_bill USING (bill_id))
           SELECT agreement_id AS subject_id, concat('start on or after ', billed_to) AS expected,
                  concat(period_start_date, ' on ', bill_id) AS found
           FROM stands WHERE period_start_date < billed_to""",
        at_publish=False,
    ),
    # An agreement stands for the place that it was for when its run was planned. At publish the run's own places were
    # compared with those that stand: `cycles.publishing.billed_places`.
    Check(
        "I6 no_place_twice", "no day of a service point stands on the bills of two agreements",
        """WITH stands AS (
               SELECT a.service_point_id, k.agreement_id, k.period_start_date, k.period_end_date, k.bill_id
               FROM segment_key AS k ANTI JOIN reversed_bill USING (bill_id) JOIN run AS r USING (run_id)
               JOIN agreements AS a ON a.agreement_id = k.agreement_id AND a.recorded_at <= r.known_at
                    AND (a.superseded_at IS NULL OR a.superseded_at > r.known_at))
           SELECT s.service_point_id AS subject_id, concat('one bill on ', s.period_start_date) AS expected,
                  concat(o.bill_id, ' and ', s.bill_id) AS found
           FROM stands AS s JOIN stands AS o ON o.service_point_id = s.service_point_id
                AND o.agreement_id <> s.agreement_id AND o.period_start_date < s.period_end_date
                AND s.period_start_date < o.period_end_date
                AND (o.period_start_date, o.agreement_id) < (s.period_start_date, s.agreement_id)""",
        at_publish=False,
    ),
    Check(
        "I6 no_gap_to_cut_off", "every active day up to the last closed cycle stands on a bill",
        """WITH agreement AS (
               SELECT a.agreement_id, a.start_date, a.end_date, min(c.period_start_date) AS first_day,
                      max(c.period_end_date) AS cut_off
               FROM agreements AS a JOIN accounts AS k USING (account_id)
               JOIN cycles AS c USING (bill_group)
               WHERE a.superseded_at IS NULL AND k.superseded_at IS NULL AND c.superseded_at IS NULL
                 AND c.window_close_date <= getvariable('business_date') GROUP BY ALL),
           due AS (
               SELECT agreement_id, greatest(start_date, first_day) AS from_date,
                      least(coalesce(end_date, cut_off), cut_off) AS to_date
               FROM agreement),
           stands AS (
               SELECT agreement_id,
                      sum(least(period_end_date, to_date) - greatest(period_start_date, from_date)) AS days
               FROM segment_key ANTI JOIN reversed_bill USING (bill_id) JOIN due USING (agreement_id)
               WHERE period_end_date > from_date AND period_start_date < to_date GROUP BY agreement_id)
           SELECT agreement_id AS subject_id, concat(to_date - from_date, ' days from ', from_date, ' to ', to_date)
                  AS expected, concat(coalesce(days, 0), ' days') AS found
           FROM due LEFT JOIN stands USING (agreement_id)
           WHERE to_date > from_date AND coalesce(days, 0) < to_date - from_date""",
        at_publish=False, is_blocking=False,
    ),
    Check(
        "I7 reversed_once", "a journal is reversed at most once, and a reversal never",
        """WITH r AS (SELECT DISTINCT journal_id, reverses_id FROM journal_line WHERE reverses_id IS NOT NULL)
           SELECT r.reverses_id AS subject_id, 'one reversal of a journal that is none' AS expected,
                  concat(count(DISTINCT r.journal_id), ' reversals of ', coalesce(any_value(o.state), 'no journal'))
                  AS found
           FROM r
           LEFT JOIN (SELECT journal_id, CASE WHEN bool_or(reverses_id IS NOT NULL) THEN 'a reversal' ELSE 'a journal'
                      END AS state
                      FROM journal_line SEMI JOIN (SELECT reverses_id AS journal_id FROM r) USING (journal_id)
                      GROUP BY journal_id) AS o ON o.journal_id = r.reverses_id
           GROUP BY r.reverses_id
           HAVING count(DISTINCT r.journal_id) > 1 OR coalesce(any_value(o.state), '') <> 'a journal'""",
    ),
    Check(
        "I7 exact_negation", "a reversal negates its journal in every account and tax",
        # Two joins: one ON l.journal_id IN (both) would compare every leg with every reversal.
        """WITH reversals AS (SELECT DISTINCT journal_id, reverses_id FROM journal_line WHERE reverses_id IS NOT NULL),
                sides AS (
               SELECT journal_id, journal_id AS leg_of FROM reversals
               UNION ALL SELECT journal_id, reverses_id FROM reversals WHERE reverses_id <> journal_id),
                theirs AS (SELECT * FROM journal_line SEMI JOIN (SELECT leg_of AS journal_id FROM sides)
                           USING (journal_id)),
                paired AS (
               SELECT s.journal_id, l.branch_id, l.account_id, l.gl_account, l.commodity, l.tax_code, l.currency,
                      l.amount_minor
               FROM sides AS s JOIN theirs AS l ON l.journal_id = s.leg_of)
           SELECT journal_id AS subject_id, '0' AS expected,
                  concat(sum(amount_minor), ' in ', gl_account) AS found
           FROM paired GROUP BY journal_id, branch_id, account_id, gl_account, commodity, tax_code, currency
           HAVING sum(amount_minor) <> 0""",
    ),
    Check(
        "I7 bill_reversed_once", "a bill is taken back at most once, and a reversal never",
        """SELECT bill_id AS subject_id, 'one reversal' AS expected, count(*) AS found
           FROM reversed_bill GROUP BY bill_id HAVING count(*) > 1
           UNION ALL SELECT bill_id, 'a bill', 'a reversal' FROM reversed_bill
           WHERE bill_id IN (SELECT reversal_id FROM reversed_bill)""",
    ),
    Check(
        "I8 closed_stays_closed", "a closed period has the legs that it was closed with",
        """WITH periods AS (SELECT *, coalesce(lag(end_date) OVER (ORDER BY end_date), DATE '0001-01-01') AS start_date
                            FROM closed_period),
                days AS (SELECT booked_date, count(*) AS legs, sum(greatest(amount_minor, 0)) AS debits
                         FROM journal_line WHERE booked_date < getvariable('closed_to') GROUP BY booked_date),
                found AS (SELECT p.period_id, coalesce(sum(l.legs), 0) AS legs, coalesce(sum(l.debits), 0) AS debits
                          FROM periods AS p LEFT JOIN days AS l
                          ON l.booked_date >= p.start_date AND l.booked_date < p.end_date GROUP BY p.period_id)
           SELECT period_id AS subject_id, concat(p.legs, ' legs, debits ', p.debit_minor) AS expected,
                  concat(found.legs, ' legs, debits ', debits) AS found
           FROM periods AS p JOIN found USING (period_id)
           WHERE p.legs <> found.legs OR p.debit_minor <> debits""",
    ),
    Check(
        "I9 energy_is_accounted_for", "what was read is billed, not priced, or parked",
        """SELECT concat_ws('/', branch_id, measure) AS subject_id, sum(read) AS expected,
                  sum(billed) + sum(unpriced) + sum(parked) AS found
           FROM books_energy GROUP BY branch_id, measure
           HAVING sum(read) <> sum(billed) + sum(unpriced) + sum(parked)""",
    ),
    Check(
        "I10 deposits_held", "deposits held are those received, less applied, less refunded",
        f"""WITH {_MOVED},
               items AS (SELECT * FROM open_item SEMI JOIN moved USING (item_id)),
               moves AS (
               SELECT d.account_id, d.branch_id, d.currency, a.amount_minor AS amount FROM allocation AS a
               JOIN items AS d ON d.item_id = a.debit_item_id JOIN items AS c ON c.item_id = a.credit_item_id
               WHERE d.gl_account = '142.2' AND c.gl_account IS DISTINCT FROM '142.2'
               UNION ALL SELECT account_id, branch_id, currency,
                   CASE kind WHEN 'opening_deposit' THEN amount_minor ELSE -amount_minor END FROM posting
               WHERE superseded_at IS NULL AND state = 'booked'
                 AND kind IN ('opening_deposit', 'deposit_applied', 'deposit_refund')),
           expected AS (SELECT account_id, branch_id, currency, sum(amount) AS amount FROM moves GROUP BY ALL),
           held AS (SELECT account_id, branch_id, currency, -sum(amount_minor) AS amount FROM added_leg
                    WHERE gl_account = '235' GROUP BY ALL)
           SELECT concat_ws('/', branch_id, account_id, currency) AS subject_id,
                  coalesce(expected.amount, 0) AS expected, coalesce(held.amount, 0) AS found
           FROM expected FULL JOIN held USING (account_id, branch_id, currency)
           WHERE coalesce(expected.amount, 0) <> coalesce(held.amount, 0) OR coalesce(held.amount, 0) < 0""",
    ),
    Check(
        "I11 tax_of_bill", "the tax of a bill is that of its lines, of its invoice by code, and of its tax legs",
        """WITH lines AS (SELECT bill_id, sum(amount_minor) AS amount FROM books_line
                          WHERE category = 'tax' GROUP BY ALL),
                codes AS (SELECT bill_id, sum(tax_minor) AS amount FROM books_invoice_tax GROUP BY bill_id),
                legs AS (SELECT bill_id, -sum(amount_minor) AS amount FROM journal_line
                         SEMI JOIN books_bill USING (bill_id)
                         WHERE kind IN ('bill', 'reversal') AND gl_account <> '142' AND commodity IS NULL GROUP BY ALL)
           SELECT bill_id AS subject_id, tax_minor AS expected,
                  concat('lines ', lines.amount, ', codes ', codes.amount, ', legs ', legs.amount) AS found
           FROM books_bill LEFT JOIN lines USING (bill_id) LEFT JOIN codes USING (bill_id)
           LEFT JOIN legs USING (bill_id)
           WHERE tax_minor <> coalesce(lines.amount, 0) OR tax_minor <> coalesce(codes.amount, 0)
              OR tax_minor <> coalesce(legs.amount, 0)""",
        at_publish=False,
    ),
    Check(
        "I11 tax_is_base_by_rate", "a tax line, before it is rounded, is its base by its rate",
        # In whole numbers of 10^-15 major units: a quotient of decimals would be a float.
        """WITH exact AS (
               SELECT line_id,
                      replace(rate::VARCHAR, '.', '')::HUGEINT * quantity * (10 ** (4 - digits))::HUGEINT AS expected,
                      replace(amount_exact::VARCHAR, '.', '')::HUGEINT AS found
               FROM books_line JOIN currency_digits USING (currency)
               WHERE category = 'tax' AND kind = 'percent' AND share_part IS NULL)
           SELECT line_id AS subject_id, expected, found FROM exact WHERE expected <> found""",
        at_publish=False,
    ),
    Check(
        "I14 numbers_are_gapless", "invoice numbers of a series have no gap and stand once",
        # Which numbers there are is asked over all books alone: a publish has compared each of its own.
        """WITH given AS (
               SELECT series, count(*) AS invoices, min(series_no) AS low, max(series_no) AS high,
                      sum(series_no) AS added,
                      count(DISTINCT CASE WHEN getvariable('is_whole') THEN series_no END) AS numbers
               FROM books_invoice GROUP BY series)
           SELECT series AS subject_id, concat('1 to ', last_no) AS expected,
                  concat(invoices, ' from ', low, ' to ', high) AS found
           FROM given LEFT JOIN invoice_series USING (series)
           WHERE high - low + 1 <> invoices OR added * 2 <> (low + high) * invoices::HUGEINT
              OR getvariable('is_whole') AND (numbers <> invoices OR low <> 1) OR high IS DISTINCT FROM last_no""",
    ),
    Check(
        "I15 roll_forward", "at the end of each closed period the control accounts are what was open then",
        """WITH items AS (SELECT i.*, coalesce(i.gl_account, '142') AS gl, j.booked_date FROM open_item AS i
                          LEFT JOIN (SELECT journal_id, min(booked_date) AS booked_date FROM journal_line GROUP BY ALL)
                          AS j ON j.journal_id = regexp_replace(i.item_id, '/[IT]$', '/J')),
                moves AS (
               SELECT branch_id, currency, gl, booked_date, amount_minor AS amount FROM items
               UNION ALL SELECT d.branch_id, d.currency, d.gl, a.booked_date, -a.amount_minor
               FROM allocation AS a JOIN items AS d ON d.item_id = a.debit_item_id
               UNION ALL SELECT c.branch_id, c.currency, c.gl, a.booked_date, a.amount_minor
               FROM allocation AS a JOIN items AS c ON c.item_id = a.credit_item_id
               UNION ALL SELECT branch_id, currency, gl_account, booked_date, -amount_minor
               FROM journal_line WHERE gl_account IN ('142', '142.1', '142.2', '242'))
           SELECT concat_ws('/', period_id, branch_id, currency, gl) AS subject_id, '0 apart' AS expected,
                  concat(sum(amount), ' apart') AS found
           FROM moves JOIN closed_period ON booked_date < end_date OR booked_date IS NULL
           GROUP BY period_id, branch_id, currency, gl HAVING sum(amount) <> 0""",
        at_publish=False,
    ),
    Check(
        "I16 selected_is_settled", "what a run selected was billed or parked",
        """SELECT run_id AS subject_id, selected AS expected, billed + parked AS found FROM run
           WHERE state = 'published' AND kind = 'bill' AND selected <> billed + parked""",
        at_publish=False,
    ),
    Check(
        "I17 same_inputs_once", "no two published runs bill the same inputs",
        """SELECT string_agg(run_id, ', ' ORDER BY run_id) AS subject_id, 1 AS expected, count(*) AS found FROM run
           WHERE state = 'published' AND kind = 'bill' AND billed > 0 GROUP BY fingerprint HAVING count(*) > 1""",
    ),
    Check(
        "I18 cash_is_channels", "bank clearing is what the channels brought, less what was paid out",
        """WITH cash AS (SELECT branch_id, currency, sum(CASE WHEN kind IN ('payment', 'suspense') THEN amount_minor
                                ELSE -amount_minor END) AS amount FROM posting
                         WHERE superseded_at IS NULL AND state = 'booked'
                           AND kind IN ('payment', 'suspense', 'payout', 'tax_payment') GROUP BY ALL),
                bank AS (SELECT branch_id, currency, sum(amount_minor) AS amount FROM added_leg
                         WHERE gl_account = '131' GROUP BY ALL)
           SELECT concat_ws('/', branch_id, currency) AS subject_id, coalesce(cash.amount, 0) AS expected,
                  coalesce(bank.amount, 0) AS found
           FROM cash FULL JOIN bank USING (branch_id, currency)
           WHERE coalesce(cash.amount, 0) <> coalesce(bank.amount, 0)""",
    ),
)  # fmt: skip
