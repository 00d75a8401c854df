"""The page of rooms and devices, as managers use it."""

from datetime import time
from html import unescape

import pytest
from django.urls import reverse

from accounts.permissions import Role
from appointments.models import Resource
from appointments.tests.visits import make_visit
from core.models import Site

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PAGE = reverse("scheduling:resources")
ADD = reverse("scheduling:add_resource")


@pytest.fixture
def manager(riverside):
    return riverside.client(Role.MANAGER)


def shown(response) -> str:
    return unescape(response.content.decode())


def room(clinic, **fields):
    return {
        "name": "Ultrasound 1",
        "kind": "Ultrasound room",
        "site_id": clinic.site.pk,
        "is_active": "on",
        **fields,
    }


def test_a_room_is_added_changed_and_switched(riverside, manager):
    assert "No rooms or devices yet" in shown(manager.get(PAGE))
    assert manager.post(ADD, room(riverside), headers=HTMX).status_code == 204
    with riverside.active():
        made = Resource.objects.get()
    wanted = room(riverside)
    assert (made.name, made.kind, made.site_id) == tuple(wanted.values())[:3]
    assert made.is_active
    form = reverse("scheduling:resource", args=[made.pk])
    assert 'value="Ultrasound room"' in shown(manager.get(form, headers=HTMX))
    changed = manager.post(form, room(riverside, name="Ultrasound A"), follow=True)
    assert changed.redirect_chain == [(PAGE, 302)]
    assert "“Ultrasound A” is saved" in shown(changed)
    switch = reverse("scheduling:switch_resource", args=[made.pk])
    assert manager.post(switch, {"is_active": "0"}, headers=HTMX).status_code == 204
    with riverside.active():
        made.refresh_from_db()
    assert (made.name, made.is_active) == ("Ultrasound A", False)
    assert "Switch on" in shown(manager.get(reverse("scheduling:resource_rows")))
    assert "can be booked again" in shown(manager.post(switch, {"is_active": "1"}, follow=True))


def test_visits_that_have_it_keep_it_and_are_counted(riverside, manager):
    with riverside.active():
        made = Resource.objects.create(name="Scanner 1", kind="Scanner", site=riverside.site)
        for days in (-1, 1, 2):
            make_visit(riverside, riverside.at(days, time(9)), resource=made)
    switch = reverse("scheduling:switch_resource", args=[made.pk])
    said = shown(manager.post(switch, {"is_active": "0"}, follow=True))
    assert "“Scanner 1” is off; 2 visits to come keep it" in said


def test_a_type_without_a_room_is_told(riverside, manager):
    with riverside.active():
        kind = riverside.types[1]
        kind.resource_kind = "Scanner"
        kind.save()
    page = shown(manager.get(PAGE))
    assert "There is no “Scanner” to book" in page
    assert f'href="{ADD}?kind=Scanner"' in page
    assert 'value="Scanner"' in shown(manager.get(ADD, {"kind": "Scanner"}))
    manager.post(ADD, room(riverside, kind="Scanner"))
    page = shown(manager.get(PAGE))
    assert "There is no" not in page
    assert '<li class="badge">Ultrasound</li>' in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"kind": " "}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "Taken"}, "Another one has this name."),
        ({"site_id": "99999"}, "Select a valid choice"),
        ({"site_id": "x"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(riverside, manager, change, said):
    manager.post(ADD, room(riverside, name="Taken"))
    refused = manager.post(ADD, room(riverside) | change, headers=HTMX)
    assert refused.status_code == 400
    assert said in shown(refused)
    with riverside.active():
        assert Resource.objects.count() == 1


def test_a_refused_change_keeps_its_old_name_in_the_title(riverside, manager):
    manager.post(ADD, room(riverside, name="Taken"))
    manager.post(ADD, room(riverside))
    with riverside.active():
        made = Resource.objects.get(name="Ultrasound 1")
    form = reverse("scheduling:resource", args=[made.pk])
    refused = manager.post(form, room(riverside, name="Taken"), headers=HTMX)
    assert refused.status_code == 400
    assert '<h2 class="grow" tabindex="-1">Ultrasound 1</h2>' in shown(refused)


def test_a_closed_site_is_offered_to_what_stands_there_alone(riverside, manager):
    with riverside.active():
        closed = Site.objects.create(name="Old annex", is_active=False)
        made = Resource.objects.create(name="X-ray", kind="X-ray", site=closed)
    assert "Old annex" not in shown(manager.get(ADD))
    assert "Old annex" in shown(manager.get(reverse("scheduling:resource", args=[made.pk])))


def test_only_who_edits_the_catalogue_sees_the_page(riverside, lakeside):
    with riverside.active():
        made = Resource.objects.create(name="Secret", kind="Scanner", site=riverside.site)
    names = ("resource", "switch_resource")
    pages = [reverse(f"scheduling:{name}", args=[made.pk]) for name in names]
    for role in (Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT):
        client = riverside.client(role)
        assert client.get(PAGE).status_code == 403
        assert all(client.post(page, {}).status_code == 403 for page in [*pages, ADD])
        if role != Role.PATIENT:
            assert PAGE not in shown(client.get(reverse("calendar:calendar")))
    other = lakeside.client(Role.MANAGER)
    assert PAGE in shown(other.get(reverse("calendar:calendar")))
    assert "Secret" not in shown(other.get(PAGE))
    assert all(other.post(page, room(lakeside)).status_code == 404 for page in pages)


def test_the_list_takes_as_many_queries_for_many(riverside, manager, django_assert_max_num_queries):
    counts = []
    for start, count in ((0, 1), (1, 30)):
        with riverside.active():
            for n in range(start, start + count):
                Resource.objects.create(name=f"Room {n}", kind=f"Kind {n}", site=riverside.site)
        manager.get(PAGE)
        with django_assert_max_num_queries(12) as queries:
            manager.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
