"""Diagnosis codes as people and programs send them, checked before they are kept."""

from collections.abc import Iterable

from appointments.scheduling import icd10
from core.errors import InvalidInputError

MAX_CODES = 20
MAX_NAMED = 5


def checked_codes(typed: Iterable[str], *, attr: str = "diagnosis_codes") -> list[str]:
    """The codes as they are stored, each once, in their order.

    Raises:
        InvalidInputError: one is not an ICD-10 code, or there are more than 20.
    """
    codes = list(dict.fromkeys(icd10.normalised(code) for code in typed))
    if len(codes) > MAX_CODES:
        raise InvalidInputError(
            f"Give at most {MAX_CODES} codes.", attr=attr, code="too_many_codes"
        )
    wrong = icd10.unknown(codes)
    if wrong:
        named = ", ".join(f"“{code[:20]}”" for code in wrong[:MAX_NAMED])
        verb = "is not an ICD-10 code" if len(wrong) == 1 else "are not ICD-10 codes"
        raise InvalidInputError(f"{named} {verb}.", attr=attr, code="unknown_code")
    return codes
