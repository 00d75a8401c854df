"""Free times near one that was refused."""

from appointments.booking.errors import TimeRefusedError
from appointments.scheduling.availability import Interval
from appointments.scheduling.detector import ConflictDetector
from core.models import Tenant
from patients.models import PatientProfile


def near(
    tenant: Tenant,
    refusal: TimeRefusedError,
    *,
    except_id: int | None = None,
    taken: tuple[Interval, ...] = (),
) -> list[Interval]:
    """The free slots nearest to the refused one, for the same visit and patient, ascending.

    Args:
        except_id: the visit that was to be moved.
        taken: further time that counts as busy.
    """
    visit, patients = refusal.visit, PatientProfile.objects.filter(pk=refusal.patient_id)
    return ConflictDetector(tenant).suggest_alternative_slots(
        visit.provider,
        visit.start,
        visit.duration_minutes,
        exclude_appointment_id=except_id,
        patient=patients.first() if refusal.patient_id else None,
        appointment_type=visit.appointment_type,
        resource=visit.resource,
        site=visit.site,
        modality=visit.modality,
        taken=taken,
    )
