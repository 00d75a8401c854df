"""Wiring only: which part of the system hears about which domain event."""


def connect() -> None:
    """Subscribe every handler; called once when the application is ready."""
