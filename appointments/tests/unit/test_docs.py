"""Pages that are made from code say what the code says."""

import pytest
from django.conf import settings

from appointments.management.commands.state_diagram import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_state_diagrams_are_up_to_date(name):
    written = (settings.BASE_DIR / FOLDER / name).read_text()
    assert written == PAGES[name](), "run: python manage.py state_diagram"


def test_every_adr_is_listed_in_its_index():
    folder = settings.BASE_DIR / "docs/adr"
    index = (folder / "README.md").read_text()
    missing = [page.name for page in folder.glob("0*.md") if page.name not in index]
    assert not missing
