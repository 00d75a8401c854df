"""Draw the transition tables of appointments and of queue entries for the documentation."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from appointments.enums import (
    FINAL,
    QUEUE_PRESENT,
    QUEUE_TRANSITIONS,
    TRANSITIONS,
    AppointmentStatus,
    QueueEntryStatus,
    QueueStep,
    Step,
)

FOLDER = Path("docs/reference")
WRITTEN = "Written by `python manage.py state_diagram` from `appointments/enums.py`; do not edit."
OF_APPOINTMENTS = f"""# States of an appointment

{WRITTEN}
A hold keeps time for a caller who is still deciding; a booking replaces it, or it expires.
`undo` goes back over the last step for 10 minutes; undoing a booking cancels it.

```mermaid
stateDiagram-v2
"""
OF_ENTRIES = f"""# States of a queue entry

{WRITTEN}
A step that the state does not have is 409 `illegal_transition`, which lists those that it has.
`undo` goes back over the last step for 10 minutes. Whoever is skipped is back after as many calls
as the queue's settings say, whoever is on hold at the time that was said. A transfer ends the entry
and makes one in the other queue that keeps the arrival. Entries of earlier days end by themselves.

```mermaid
stateDiagram-v2
"""


def appointments() -> str:
    """The page's whole text."""
    lines = _named(AppointmentStatus)
    lines += [
        "    [*] --> HELD : hold",
        f"    [*] --> PENDING : {Step.BOOK.value}",
        "    HELD --> [*] : release, expiry or booking",
        *_arrows(TRANSITIONS),
    ]
    lines += [f"    {status.value} --> [*]" for status in FINAL]
    return OF_APPOINTMENTS + "\n".join(lines) + "\n```\n"


def entries() -> str:
    """The page's whole text."""
    lines = _named(QueueEntryStatus)
    lines += [f"    [*] --> WAITING : {QueueStep.JOIN.value}", *_arrows(QUEUE_TRANSITIONS)]
    ends = [status for status in QueueEntryStatus if status not in QUEUE_PRESENT]
    lines += [f"    {status.value} --> [*]" for status in ends]
    return OF_ENTRIES + "\n".join(lines) + "\n```\n"


PAGES = {"appointment-states.md": appointments, "queue-states.md": entries}


def _named(statuses: Any) -> list[str]:
    return [f"    {status.value} : {status.label} ({status.value})" for status in statuses]


def _arrows(transitions: Any) -> list[str]:
    return [
        f"    {source.value} --> {(change.target or source).value} : {step.value}"
        for step, change in transitions.items()
        for source in change.sources
    ]


class Command(BaseCommand):
    help = f"Write {', '.join(PAGES)} from the transition tables."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, draw in PAGES.items():
            page = settings.BASE_DIR / FOLDER / name
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(draw())
            self.stdout.write(f"Wrote {FOLDER / name}")
