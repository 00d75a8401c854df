"""Background jobs: each fetches by id and calls one engine, tenant by tenant."""

from procrastinate import App


def register(app: App) -> None:
    """Called when the job queue is ready."""
