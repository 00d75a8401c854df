"""The appointments app's records as JSON."""
