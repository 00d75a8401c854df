"""Rules that hold for everything written later, too."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from core.constraints import DatabaseRule

APPS = ("core", "accounts", "patients", "appointments")
MODELS = [model for app in APPS for model in apps.get_app_config(app).get_models()]
ROOT = Path(settings.BASE_DIR)
READERS = re.compile(
    r"""env\.(?:text|required|flag|integer|words)\(\s*"([A-Z_]+)"|"""
    r"""os\.environ(?:\.get|\.setdefault)?[(\[]\s*"([A-Z_]+)"|"([A-Z_]+)"\s+(?:not\s+)?in\s+os\.environ"""
)
NOT_FOR_PEOPLE = {
    "DJANGO_SETTINGS_MODULE",  # fixed
    "EMBEDDED",  # set by the launcher for its children
    "PYTEST_XDIST_WORKER",
    "TEST_DATABASE_URL",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_field_is_declared_phi_or_public_once(model):
    fields = {field.name for field in model._meta.concrete_fields}
    phi, public = model.privacy.phi, model.privacy.public
    assert phi | public == fields
    assert not phi & public


def test_a_database_rule_says_how_it_is_made_and_taken_away():
    class Half(DatabaseRule):
        def create(self, model, quote):
            return "SELECT 1"

    with pytest.raises(TypeError, match="remove"):
        Half(name="half")


def variables_read() -> set[str]:
    files = (ROOT / "hospital_management").glob("*.py")
    commands = ROOT.glob("*/management/commands/*.py")
    found = set()
    for path in (*files, *commands, ROOT / "manage.py"):
        for groups in READERS.findall(path.read_text()):
            found |= {name for name in groups if name}
    return found


def test_every_environment_variable_is_documented():
    documented = set(re.findall(r"^#?\s*([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert variables_read() - NOT_FOR_PEOPLE - documented == set()


def test_the_search_for_variables_finds_them():
    assert {"SECRET_KEY", "DATABASE_URL", "PORT", "DATA_DIR", "LOG_LEVEL"} <= variables_read()
