"""Reading phone numbers as a tenant's people write them."""

from functools import lru_cache
from importlib.resources import files

from phonenumber_field.phonenumber import PhoneNumber, to_python

from core.models import Tenant


@lru_cache(maxsize=1)
def _country_of_zone() -> dict[str, str]:
    """IANA zone to ISO 3166 country, from the time zone database's own table."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def region_of(tenant: Tenant) -> str | None:
    """Country in which a number without ``+`` is read: the time zone's, as a locale may be only
    the language staff prefer."""
    return _country_of_zone().get(tenant.zone)


def parse_phone(text: str, tenant: Tenant) -> PhoneNumber | None:
    """The number, or None where the text is none that can be dialled."""
    number = to_python(text, region=region_of(tenant))
    return number if number and number.is_valid() else None


def significant_digits(text: str) -> str:
    """Digits as they appear in the stored E.164 form, without trunk or international prefix."""
    return "".join(filter(str.isdecimal, text)).lstrip("0")
