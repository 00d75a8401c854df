"""Free times near one that was refused."""

from appointments.booking.errors import TimeRefusedError
from appointments.scheduling.availability import Interval
from appointments.scheduling.detector import ConflictDetector
from core.models import Tenant


def near(
    tenant: Tenant,
    refusal: TimeRefusedError,
    *,
    except_id: int | None = None,
    taken: tuple[Interval, ...] = (),
) -> list[Interval]:
    """The free slots nearest to the refused one, for the same visit, ascending.

    Args:
        except_id: the visit that was to be moved.
        taken: further time that counts as busy.
    """
    visit = refusal.visit
    return ConflictDetector(tenant).suggest_alternative_slots(
        visit.provider,
        visit.start,
        visit.duration_minutes,
        exclude_appointment_id=except_id,
        appointment_type=visit.appointment_type,
        resource=visit.resource,
        site=visit.site,
        modality=visit.modality,
        taken=taken,
    )
