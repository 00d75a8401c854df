"""Letters to patients who wait elsewhere: it is nearly their turn.

Only to those who agreed to e-mail.  The letter names the ticket and the site, nobody and no reason.
"""

from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from appointments.enums import QueueEntryStatus
from appointments.models import QueueEntry
from appointments.queue.own_place import Stage, own_place
from appointments.queue.words import WORDS, known_language
from core.tenancy import current_tenant_id

ONCE_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Letter:
    """``key`` is the entry's: one letter each."""

    key: str
    to: str
    subject: str
    text: str


def letters(*, now: datetime) -> list[Letter]:
    """To everybody whom the pages tell at this moment that it is nearly their turn."""
    away = QueueEntry.objects.filter(
        status=QueueEntryStatus.WAITING, is_remote=True, patient__consents_to_email=True
    ).exclude(patient__email="")
    found = []
    for entry in away.select_related("patient").order_by("pk"):
        place = own_place(entry.pk, now=now)
        if place.stage == Stage.SOON:
            words = WORDS[known_language(entry.patient.language)]
            found.append(
                Letter(
                    key=f"come-back:{current_tenant_id()}:{entry.pk}",
                    to=entry.patient.email,
                    subject=f"{place.ticket} · {words['soon']}",
                    text="\n".join(filter(None, (words["soon_text"], place.site_name))) + "\n",
                )
            )
    return found


def claim(letter: Letter) -> bool:
    """Whether the letter is still to be sent; from now on it is not."""
    return cache.add(letter.key, 1, ONCE_SECONDS)


def give_back(letter: Letter) -> None:
    """It could not be sent."""
    cache.delete(letter.key)
