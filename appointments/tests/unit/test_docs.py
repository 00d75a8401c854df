"""Pages that are made from code say what the code says."""

from django.conf import settings

from appointments.management.commands.state_diagram import PAGE, diagram


def test_the_state_diagram_is_up_to_date():
    written = (settings.BASE_DIR / PAGE).read_text()
    assert written == diagram(), "run: python manage.py state_diagram"


def test_every_adr_is_listed_in_its_index():
    folder = settings.BASE_DIR / "docs/adr"
    index = (folder / "README.md").read_text()
    missing = [page.name for page in folder.glob("0*.md") if page.name not in index]
    assert not missing
