"""How an operator opens a new hospital."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.models import Tenant

OPTIONS = {"name": "Hill Clinic", "zone": "Europe/Paris", "admin": "Chief@hill.test"}


def test_its_administrator_can_log_in_and_see_the_new_tenant_only(riverside, capsys):
    call_command("create_tenant", "hill", **OPTIONS)
    password = capsys.readouterr().out.split()[-1]
    browser = Client()
    browser.post("/accounts/login/", {"username": "chief@hill.test", "password": password})
    page = browser.get("/patients/")
    assert page.status_code == 200
    assert "Riversideson" not in page.content.decode()


@pytest.mark.parametrize(
    "change",
    [{"zone": "Mars/Olympus"}, {"admin": "nobody"}, {"name": ""}, {"locale": "xx"}],
)
def test_bad_input_creates_nothing(db, change):
    with pytest.raises(CommandError):
        call_command("create_tenant", "hill", **OPTIONS | change)
    assert not Tenant.objects.filter(slug="hill").exists()


def test_a_login_of_another_tenant_is_refused(riverside):
    taken = riverside.users["manager"].username
    with pytest.raises(CommandError, match="is a login already"):
        call_command("create_tenant", "hill", **OPTIONS | {"admin": taken})
