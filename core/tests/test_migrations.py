"""What the release before must survive: while one is rolled out, both run on the new tables."""

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter

# The newest of each application that was made before anybody ran the product.
BEFORE_FIRST_USE = {"accounts": 4, "appointments": 8, "core": 4, "patients": 4}
OURS = [
    (label, name)
    for label, name in sorted(MigrationLoader(None).disk_migrations)
    if label in BEFORE_FIRST_USE
]
LATER = [(label, name) for label, name in OURS if int(name[:4]) > BEFORE_FIRST_USE[label]]


@pytest.fixture
def linter(committed_db) -> MigrationLinter:
    return MigrationLinter(database="owner", no_cache=True)


def test_later_migrations_break_no_running_release(linter, capsys):
    for label, name in LATER:
        linter.lint_all_migrations(app_label=label, migration_name=name)
    assert not linter.has_errors, capsys.readouterr().out


def test_control_the_linter_sees_a_table_dropped_under_a_running_release(linter):
    linter.lint_all_migrations(app_label="accounts", migration_name="0004_roles_alone")
    assert linter.has_errors


def test_every_application_of_ours_is_looked_at():
    ours = {
        config.label
        for config in apps.get_app_configs()
        if Path(config.path).parent == settings.BASE_DIR
    }
    assert {label for label, _ in OURS} == ours
