"""The demo's accounts, and whether they exist in this database."""

from accounts.identity import locate_login
from appointments.management.demo.hospitals import HOSPITALS

PASSWORD = "demo-pass-2026"  # noqa: S105 - published in the README; guards invented data only
ROOT = "root@demo"
ACCOUNTS = {
    "admin": "administrator",
    "manager": "configuration and figures",
    "frontdesk": "front desk",
    "nurse": "runs queues",
    "doctor": "a provider",
    "patient": "a patient, portal only",
}


def login(account: str, slug: str) -> str:
    return f"{account}@{slug}.demo"


def are_loaded() -> bool:
    return any(locate_login(login("admin", hospital.slug)) for hospital in HOSPITALS)


def announcement() -> str:
    """The logins, for a terminal."""
    first, second = (hospital.slug for hospital in HOSPITALS)
    wide = max(len(login(account, first)) for account in ACCOUNTS)
    lines = [f"Demo logins (password {PASSWORD}):"]
    lines += [
        f"  {login(account, first):{wide}}  {login(account, second):{wide}}  {meaning}"
        for account, meaning in ACCOUNTS.items()
    ]
    lines.append(f"  {ROOT:{wide}}  {'':{wide}}  superuser across tenants")
    return "\n".join(lines)
