"""Draw the transition table of appointments for the documentation."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from appointments.enums import FINAL, TRANSITIONS, AppointmentStatus, Step

PAGE = Path("docs/reference/appointment-states.md")
HEAD = """# States of an appointment

Written by `python manage.py state_diagram` from `appointments/enums.py`; do not edit.
A hold keeps time for a caller who is still deciding; a booking replaces it, or it expires.
`undo` goes back over the last step for 10 minutes; undoing a booking cancels it.

```mermaid
stateDiagram-v2
"""


def diagram() -> str:
    """The page's whole text."""
    lines = [
        f"    {status.value} : {status.label} ({status.value})" for status in AppointmentStatus
    ]
    lines += [
        "    [*] --> HELD : hold",
        f"    [*] --> PENDING : {Step.BOOK.value}",
        "    HELD --> [*] : release, expiry or booking",
    ]
    for step, transition in TRANSITIONS.items():
        for source in transition.sources:
            target = transition.target or source
            lines.append(f"    {source.value} --> {target.value} : {step.value}")
    lines += [f"    {status.value} --> [*]" for status in FINAL]
    return HEAD + "\n".join(lines) + "\n```\n"


class Command(BaseCommand):
    help = f"Write {PAGE} from the transition table."

    def handle(self, *args: Any, **options: Any) -> None:
        page = settings.BASE_DIR / PAGE
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(diagram())
        self.stdout.write(f"Wrote {PAGE}")
