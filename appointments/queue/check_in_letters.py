"""The message about a visit: when and where it is, and the code with which the patient checks in.

It names nobody and no reason.
"""

from io import BytesIO

import segno
from django.core.mail import EmailMessage
from django.utils.formats import date_format, time_format
from django.utils.timezone import localtime

from appointments.enums import Modality
from appointments.models import AppointmentRequest
from appointments.queue.words import WORDS
from core.errors import DomainError
from patients.models import PatientProfile


class MailDownError(DomainError):
    code, http_status = "mail_down", 503
    message = "The mail server does not answer. Try again later, or print the code."


def may_be_written_to(patient: PatientProfile | None) -> bool:
    return patient is not None and patient.consents_to_email and bool(patient.email)


def check_in_letter(
    visit: AppointmentRequest, link: str, *, language: str, owner: str
) -> EmailMessage:
    """To the patient, with the code as a picture.

    Args:
        link: the address that the code holds.
        language: one of ``words.LANGUAGES``.
        owner: the hospital's name.
    """
    words = WORDS[language]
    start = localtime(visit.scheduled_datetime)
    if visit.modality == Modality.TELEHEALTH:
        place = words["telehealth"]
    else:
        place = visit.site.name if visit.site else ""
    lines = (
        f"{date_format(start)} {time_format(start)}",
        place,
        f"{words['check_in_title']}:",
        link,
    )
    picture = BytesIO()
    segno.make(link, error="m").save(picture, kind="png", scale=8, border=4)
    letter = EmailMessage(
        subject=f"{owner}: {words['check_in_title']}",
        body="\n".join(filter(None, lines)) + "\n",
        to=[visit.patient.email],
    )
    letter.attach("check-in.png", picture.getvalue(), "image/png")
    return letter
