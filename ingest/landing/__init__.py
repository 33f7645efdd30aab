"""Landing: parsed files to immutable Parquet, each file once."""
