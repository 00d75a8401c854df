"""Letters to patients who wait elsewhere: it is nearly their turn.

Only to those who agreed to e-mail.  The letter names the ticket and the site, nobody and no reason.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.core.cache import cache

from appointments.enums import Modality, QueueEntryStatus
from appointments.models import QueueEntry
from appointments.queue.own_place import soon_entries
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
    away = (
        QueueEntry.objects.filter(
            status=QueueEntryStatus.WAITING, is_remote=True, patient__consents_to_email=True
        )
        .exclude(patient__email="")
        .select_related("patient", "queue__site", "appointment__provider__provider_profile")
        .order_by("queue_id", "pk")
    )
    found = []
    for queue, entries in groupby(away, key=attrgetter("queue")):
        soon = soon_entries(queue, now=now)
        found += [_letter(entry) for entry in entries if entry.pk in soon]
    return found


def _letter(entry: QueueEntry) -> Letter:
    words = WORDS[known_language(entry.patient.language)]
    visit, site = entry.appointment, entry.queue.site
    if visit is not None and visit.modality == Modality.TELEHEALTH:
        has_room = bool(visit.provider.video_room_url)
        lines = [words["telehealth_letter" if has_room else "telehealth_text"]]
    else:
        lines = [words["soon_text"], *([site.name] if site else [])]
    return Letter(
        key=f"come-back:{current_tenant_id()}:{entry.pk}",
        to=entry.patient.email,
        subject=f"{entry.ticket} · {words['soon']}",
        text="\n".join(lines) + "\n",
    )


def claim(letter: Letter) -> bool:
    """Whether the letter is still to be sent; from now on it is not."""
    return cache.add(letter.key, 1, ONCE_SECONDS)


def give_back(letter: Letter) -> None:
    """It could not be sent."""
    cache.delete(letter.key)
