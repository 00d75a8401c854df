"""The two demonstration hospitals, and data in bulk for measurements."""
