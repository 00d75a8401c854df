"""Background jobs of accounts: what would make a request slow, or tell by its time who exists."""

from procrastinate import App, Blueprint, RetryStrategy

from accounts.identity import locate_login
from accounts.passwords import mail_link

jobs = Blueprint()

# After 10 s, 100 s and 1000 s; by then the person has asked again.
RETRY = RetryStrategy(max_attempts=4, exponential_wait=10)


class MailError(RuntimeError):
    """The mail server did not take a mail."""


def register(app: App) -> None:
    """Called when the job queue is ready."""
    app.add_tasks_from(jobs, namespace="accounts")


@jobs.task(name="mail_password_link", retry=RETRY)
def mail_password_link(user_id: int | None, origin: str) -> None:
    """The link is made here, so that the queue never holds one.

    Raises:
        MailError: a later try may do better.
    """
    if user_id is None:
        return
    try:
        mail_link(user_id, origin=origin)
    except OSError as error:  # smtplib's errors are of this kind
        # Their messages quote addresses, and the worker logs what a job raises.
        raise MailError(f"The mail server failed: {type(error).__name__}") from None


def mail_password_link_soon(login: str, *, origin: str) -> None:
    """Queue the link for the user of this login.

    An unknown login queues a job, too, so that neither the answer nor its time tells of it.
    """
    located = locate_login(login)
    mail_password_link.defer(user_id=located.user_id if located else None, origin=origin)
