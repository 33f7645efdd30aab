"""What a run hands out: bills, invoices, documents, the analysts' views, summaries."""
