"""Any other CSV or Parquet, as a mapping file says."""
