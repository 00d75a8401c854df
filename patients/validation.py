"""What a patient's record may hold.  Forms, API and imports all ask here."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date

from core.clock import Clock, system_clock
from core.models import Tenant
from core.tenancy import current_tenant_id
from patients.models import CommunicationNeed, PatientProfile
from patients.phones import parse_phone

EARLIEST_BIRTH = date(1900, 1, 1)
DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MRN_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]*")
LANGUAGE_PATTERN = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
REQUIRED = ("first_name", "last_name", "birth_date")


def clean(
    fields: Mapping[str, Any], *, partial: bool = False, clock: Clock = system_clock
) -> dict[str, Any]:
    """Check and normalise a patient's fields, inside a tenant.

    Args:
        fields: raw values by field name: text, or what JSON and forms make of it.
        partial: for a change: fields that are not given stay as they are.

    Returns:
        The same keys, with values ready to be stored.

    Raises:
        ValidationError: with a message for every field at fault; an unknown field is one.
    """
    tenant = Tenant.objects.get(pk=current_tenant_id())
    today = clock().astimezone(tenant.zone_info).date()
    cleaned: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    missing = () if partial else tuple(name for name in REQUIRED if name not in fields)
    for name, value in (*fields.items(), *((name, None) for name in missing)):
        try:
            cleaned[name] = _clean_one(name, value, tenant, today)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return cleaned


def _clean_one(name: str, value: Any, tenant: Tenant, today: date) -> Any:
    if name == "birth_date":
        return birth_date(value, today)
    if name in {"phone", "second_phone"}:
        return _phone(value, tenant)
    cleaner = CLEANERS.get(name)
    if cleaner is None:
        raise ValidationError("Unknown field.", code="unknown_field")
    return cleaner(value)


def text(limit: int, *, required: bool = False, lines: bool = False) -> Callable[[Any], str]:
    """A cleaner of text of at most ``limit`` characters, without control characters."""

    def cleaner(value: Any) -> str:
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise ValidationError("Must be text.", code="invalid")
        _refuse_unprintable(value, allowed="\r\n\t" if lines else "")
        tidy = unicodedata.normalize("NFC", value).strip()
        tidy = tidy if lines else re.sub(r"\s+", " ", tidy)
        if required and not any(unicodedata.category(char)[0] in "LNPS" for char in tidy):
            raise ValidationError("This field is required.", code="required")
        if len(tidy) > limit:
            message = f"At most {limit} characters; this has {len(tidy)}."
            raise ValidationError(message, code="max_length")
        return tidy

    return cleaner


def _refuse_unprintable(value: str, *, allowed: str) -> None:
    for char in value:
        if char in allowed:
            continue
        if unicodedata.category(char) in {"Cc", "Cs"}:
            message = "Remove the control characters; they cannot be stored."
            raise ValidationError(message, code="control_characters")
        if char in DIRECTION_OVERRIDES:
            message = "Remove the invisible characters that change the direction of writing."
            raise ValidationError(message, code="direction_override")


def birth_date(value: Any, today: date) -> date:
    """
    Args:
        value: a date, or text such as 1984-03-12.
        today: the tenant's date.
    """
    if value in (None, ""):
        raise ValidationError("This field is required.", code="required")
    if isinstance(value, str):
        try:
            value = parse_date(value.strip())
        except ValueError:
            value = None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValidationError("Enter a date such as 1984-03-12.", code="invalid")
    if value > today:
        raise ValidationError("The birth date lies in the future.", code="in_the_future")
    if value < EARLIEST_BIRTH:
        message = f"The birth date lies before {EARLIEST_BIRTH.year}; check the year."
        raise ValidationError(message, code="too_early")
    return value


def _phone(value: Any, tenant: Tenant) -> Any:
    raw = text(40)("" if value is None else str(value))
    if not raw:
        return ""
    number = parse_phone(raw, tenant)
    if number is None:
        message = "Enter a phone number with its area code, such as +49 30 901820."
        raise ValidationError(message, code="invalid_phone")
    return number


def _mrn(value: Any) -> str:
    mrn = text(32)(value)
    if mrn and not MRN_PATTERN.fullmatch(mrn):
        raise ValidationError("Use letters, digits and . / _ - only.", code="invalid")
    return mrn


def _email(value: Any) -> str:
    address = text(254)(value)
    PatientProfile._meta.get_field("email").run_validators(address)
    return address


def _language(value: Any) -> str:
    code = text(10)(value) or "en"
    if not LANGUAGE_PATTERN.fullmatch(code):
        raise ValidationError("Enter a language code, such as de or ar.", code="invalid")
    return code


def _choice(name: str) -> Callable[[Any], str]:
    def cleaner(value: Any) -> str:
        field = PatientProfile._meta.get_field(name)
        if value in (None, ""):
            return field.default
        if not isinstance(value, str) or value not in dict(field.choices):
            allowed = ", ".join(dict(field.choices))
            raise ValidationError(f"Choose one of {allowed}.", code="invalid_choice")
        return value

    return cleaner


def _needs(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValidationError("Must be a list.", code="invalid")
    if any(not isinstance(need, str) or need not in CommunicationNeed.values for need in value):
        allowed = ", ".join(CommunicationNeed.values)
        raise ValidationError(f"Choose among {allowed}.", code="invalid_choice")
    return [need for need in CommunicationNeed.values if need in value]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError("Must be true or false.", code="invalid")
    return value


def _degrees(limit: int) -> Callable[[Any], float | None]:
    def cleaner(value: Any) -> float | None:
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not -limit <= number <= limit:
            message = f"Enter degrees between -{limit} and {limit}."
            raise ValidationError(message, code="invalid")
        return number

    return cleaner


CLEANERS: dict[str, Callable[[Any], Any]] = {
    "mrn": _mrn,
    "first_name": text(100, required=True),
    "last_name": text(100, required=True),
    "sex": _choice("sex"),
    "email": _email,
    "address": text(250),
    "latitude": _degrees(90),
    "longitude": _degrees(180),
    "language": _language,
    "communication_needs": _needs,
    "consents_to_sms": _flag,
    "consents_to_email": _flag,
    "consents_to_data_sharing": _flag,
    "notes": text(4000, lines=True),
    "is_active": _flag,
}
FIELDS = frozenset(CLEANERS) | {"birth_date", "phone", "second_phone"}
