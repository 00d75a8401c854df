"""Administration, one module per area.

Appointments, queue entries, series, figures and calls are shown only: what happens to them goes
through the engines.
"""

from appointments.admin import booking, catalogue, hours, queue, scheduling, waitlist

__all__ = ["booking", "catalogue", "hours", "queue", "scheduling", "waitlist"]
