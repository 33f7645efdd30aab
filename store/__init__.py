"""The workspace on disk: control database, immutable Parquet, atomic files, the lock."""
