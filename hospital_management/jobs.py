"""The job queue's tasks, of every application."""

from procrastinate import App

from accounts import tasks as accounts_tasks
from appointments import tasks as appointments_tasks


def register(app: App) -> None:
    """Called when the job queue is ready."""
    accounts_tasks.register(app)
    appointments_tasks.register(app)
