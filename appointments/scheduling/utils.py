"""The tools of scheduling under the names by which other parts know them."""

from appointments.scheduling.analytics import SchedulingAnalytics
from appointments.scheduling.conflicts import Conflict, ConflictKind
from appointments.scheduling.detector import ConflictDetector

__all__ = ["Conflict", "ConflictDetector", "ConflictKind", "SchedulingAnalytics"]
