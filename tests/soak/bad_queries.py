"""Bad questions to the analysts database."""

from __future__ import annotations

from bad_kinds import Wrong, plain, refused

QUERIES = [
    Wrong("syntax", plain("query", "SELEC 1"), 2, ("SELEC", "hint")),
    Wrong("unknown table", plain("query", "SELECT * FROM meters2"), 2, ("meters2", "SHOW TABLES")),
    Wrong("nothing", plain("query", ""), 2, ("found 0 statements",)),
    Wrong("two statements", plain("query", "SELECT 1; SELECT 2"), 2, ("found 2 statements",)),
    Wrong("delete", plain("query", "DELETE FROM invoices"), 2, ("DELETE", "hint")),
    Wrong("insert", plain("query", "INSERT INTO invoices SELECT * FROM invoices"), 2, ("INSERT", "hint")),
    Wrong("copy", plain("query", "COPY invoices TO 'stolen.csv'"), 2, ("COPY", "hint")),
    Wrong("attach", plain("query", "ATTACH 'control.duckdb' AS books"), 2, ("ATTACH", "hint")),
    Wrong("another file", plain("query", "SELECT * FROM read_csv('/etc/passwd')"), 2, ("cannot be answered", "hint")),
    Wrong("settings", plain("query", "SET threads = 1"), 2, ("SET", "hint")),
    Wrong("format", plain("query", "SELECT 1", "--format", "xls"), 2, ("xls", "parquet")),
    Wrong("parquet to a terminal", plain("query", "SELECT 1", "--format", "parquet"), 2, ("--output",)),
    Wrong("output is a folder", lambda p: ["query", "SELECT 1", "--output", p.folder], 2, ("files", "hint")),
]
QUERIES += [
    refused(line, "hint")
    for line in (
        "query \"SELECT * FROM read_text('/etc/passwd')\"", "query \"SELECT * FROM glob('/*')\"",
        "query \"SELECT * FROM 'control.duckdb'\"", "query \"CREATE TABLE x AS SELECT 1\"",
        "query \"DROP VIEW invoices\"", "query \"UPDATE invoices SET total = 0\"", "query \"INSTALL httpfs\"",
        "query \"LOAD httpfs\"", "query \"PRAGMA database_list; SELECT 1\"", "query \"CALL pragma_version(); DROP TABLE x\"",
        "query \"EXPORT DATABASE 'x'\"", "query \"SELECT getenv('HOME')\"", "query \"SELECT 1 / \"",
        "query \"SELECT * FROM invoices WHERE no_such_column = 1\"", "query \"SELECT 'a'::INTEGER\"",
        "query \"\0\"",
    )
]  # fmt: skip
