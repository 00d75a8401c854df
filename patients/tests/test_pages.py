"""The patients' pages: what they show to whom, and what they refuse."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Role
from patients.models import PatientProfile
from patients.registration import register

pytestmark = pytest.mark.django_db
LIST, SEARCH, REGISTER = "/patients/", "/patients/search/", "/patients/register/"
ADA = {"first_name": "Ada", "last_name": "Byron", "birth_date": "1984-03-12", "sex": "female"}
MOST_QUERIES = 12


@pytest.fixture
def desk(riverside):
    return riverside.client()


@pytest.fixture
def ada(riverside):
    with riverside.active():
        return register(by=None, phone="+49 30 901820", **ADA)


def text(answer) -> str:
    return answer.content.decode()


def test_the_list_shows_the_tenants_patients_only(desk, lakeside):
    body = text(desk.get(LIST))
    assert "Riversideson" in body
    assert "Lakesideson" not in body


def test_searching_leaves_no_name_in_an_address(desk, ada):
    assert "Byron" in text(desk.post(SEARCH, {"q": "biron ada"}))
    assert desk.get(SEARCH, {"q": "byron"}).status_code == 405
    assert "Riversideson" in text(desk.get(LIST, {"q": "byron"}))
    assert "q=" not in text(desk.post(LIST, {"q": "pat"}))


def test_a_search_works_without_scripts_too(desk, ada):
    body = text(desk.post(LIST, {"q": "ada"}))
    assert "Byron" in body
    assert "Riversideson" not in body


@pytest.mark.parametrize("page", ["0", "-1", "999", "x", "", "9" * 5000])
def test_a_page_that_does_not_exist_shows_the_nearest(desk, page):
    assert desk.get(LIST, {"page": page}).status_code == 200
    assert desk.post(SEARCH, {"q": "pat", "page": page}).status_code == 200


def test_empty_lists_say_what_to_do(desk, riverside):
    assert "Nobody fits" in text(desk.post(SEARCH, {"q": "xqzwv"}))
    with riverside.active():
        PatientProfile.objects.update(is_active=False)
    assert "No patients yet" in text(desk.get(LIST))


def test_lists_take_few_queries_however_long_they_are(desk, riverside):
    counts = []
    for more in (1, 30):
        with riverside.active():
            for number in range(more):
                register(by=None, **ADA | {"last_name": f"Byron{number}"})
        for ask in (lambda: desk.get(LIST), lambda: desk.post(SEARCH, {"q": "byron"})):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert ask().status_code == 200
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
    assert max(counts) <= MOST_QUERIES


def test_registering_leads_to_the_record(desk, riverside):
    answer = desk.post(REGISTER, ADA | {"phone": "030 901820"})
    with riverside.active():
        patient = PatientProfile.objects.get(last_name="Byron")
    assert answer["Location"] == f"/patients/{patient.pk}/"
    record = text(desk.get(answer["Location"]))
    assert "Ada Byron" in record
    assert "+49 30 901820" in record
    assert patient.mrn in record


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"first_name": ""}, "first_name"),
        ({"first_name": "x" * 101}, "first_name"),
        ({"last_name": "a\x07b"}, "last_name"),
        ({"last_name": "\u202eabc"}, "last_name"),
        ({"birth_date": "9999-12-31"}, "birth_date"),
        ({"birth_date": "1984-02-31"}, "birth_date"),
        ({"birth_date": ""}, "birth_date"),
        ({"phone": "1"}, "phone"),
        ({"email": "x"}, "email"),
        ({"sex": "other-worldly"}, "sex"),
        ({"communication_needs": "helicopter"}, "communication_needs"),
        ({"mrn": "R00001"}, "mrn"),
        ({"place": "Berlin"}, "place"),
        ({"place": "52.52"}, "place"),
        ({"place": "52.52, "}, "place"),
        ({"place": "91, 13.4"}, "place"),
        ({"place": "52.52, nan"}, "place"),
    ],
)
def test_bad_input_is_marked_at_its_field_and_nothing_is_written(desk, riverside, wrong, field):
    with riverside.active():
        before = PatientProfile.objects.count()
    answer = desk.post(REGISTER, ADA | wrong)
    assert answer.status_code in {400, 409}
    assert list(answer.context["form"].errors) == [field]
    with riverside.active():
        assert PatientProfile.objects.count() == before


def test_a_place_on_the_map_is_kept_shown_and_taken_away(desk, riverside):
    place = "52.5200, 13.4050"
    address = desk.post(REGISTER, ADA | {"place": place})["Location"]
    form = desk.get(f"{address}edit/").context["form"]
    assert form["place"].value() == "52.52, 13.405"
    with riverside.active():
        patient = PatientProfile.objects.get(last_name="Byron")
        assert (patient.latitude, patient.longitude) == (52.52, 13.405)
    typed = ADA | {"mrn": patient.mrn, "place": "", "version": patient.version}
    assert desk.post(f"{address}edit/", typed).status_code == 302
    with riverside.active():
        patient.refresh_from_db()
        assert (patient.latitude, patient.longitude) == (None, None)


def test_a_nul_character_is_refused_at_the_door(desk):
    assert desk.post(REGISTER, ADA | {"notes": "a\x00b"}).status_code == 400
    assert desk.post(SEARCH, {"q": "a\x00b"}).status_code == 400


def test_markup_in_names_is_shown_as_text(desk):
    answer = desk.post(REGISTER, ADA | {"last_name": "<script>alert(1)</script>"}, follow=True)
    assert "<script>alert" not in text(answer)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(answer)


def test_a_probable_duplicate_is_shown_while_typing(desk, ada):
    answer = desk.post("/patients/duplicates/", ADA | {"last_name": "Byrom"})
    assert "may be the same person" in text(answer)
    assert ada.mrn in text(answer)
    alone = desk.post("/patients/duplicates/", ADA | {"exclude": str(ada.pk)})
    assert text(alone).strip() == ""


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"birth_date": "1984-99-99"},
        {"birth_date": "x", "exclude": "9" * 99},
        {"phone": "\u202e"},
    ],
)
def test_half_typed_fields_do_not_disturb_the_duplicate_check(desk, typed):
    assert desk.post("/patients/duplicates/", typed).status_code == 200


def test_editing_keeps_what_somebody_else_changed_meanwhile(desk, riverside, ada):
    address = f"/patients/{ada.pk}/edit/"
    form = ADA | {"mrn": ada.mrn, "version": "1"}
    assert desk.post(address, form | {"notes": "first"}).status_code == 302
    late = desk.post(address, form | {"notes": "second"})
    assert late.status_code == 412
    assert "Somebody changed this" in text(late)
    with riverside.active():
        assert PatientProfile.objects.get(pk=ada.pk).notes == "first"


def test_the_edit_form_holds_the_stored_values(desk, ada):
    body = text(desk.get(f"/patients/{ada.pk}/edit/"))
    for value in ("Ada", "Byron", "1984-03-12", "+49 30 901820", ada.mrn):
        assert f'value="{value}"' in body


@pytest.mark.parametrize("path", ["", "edit/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_tenants_record_does_not_exist(desk, lakeside, path, method):
    foreign = f"/patients/{lakeside.patients[0].pk}/{path}"
    answer = getattr(desk, method)(foreign, ADA if method == "post" else None)
    assert answer.status_code in {404, 405}
    assert "Lakesideson" not in text(answer)


@pytest.mark.parametrize("key", [0, 2**31, 2**63 - 1, 2**63, 10**30])
def test_keys_out_of_range_are_not_found(desk, key):
    assert desk.get(f"/patients/{key}/").status_code == 404


@pytest.mark.parametrize("role", [Role.NURSE, Role.PROVIDER])
def test_clinical_staff_read_and_do_not_write(riverside, role):
    client = riverside.client(role)
    record = f"/patients/{riverside.patients[0].pk}/"
    assert client.get(record).status_code == 200
    assert "/edit/" not in text(client.get(record))
    for path in (REGISTER, f"{record}edit/"):
        assert client.get(path).status_code == 403
        assert client.post(path, ADA).status_code == 403
    assert client.post("/patients/duplicates/", ADA).status_code == 403


def test_patients_do_not_see_patients(riverside):
    client = riverside.client(Role.PATIENT)
    refused = [client.get(LIST), client.post(SEARCH, {"q": "pat"}), client.get("/patients/1/")]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert not any("Riversideson" in text(answer) for answer in refused)


def test_strangers_are_sent_to_the_login(riverside, client):
    key = riverside.patients[0].pk
    for path in (LIST, REGISTER, f"/patients/{key}/", f"/patients/{key}/edit/"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_a_refusal_under_htmx_lands_in_the_alert_area(riverside):
    answer = riverside.client(Role.NURSE).post(
        "/patients/duplicates/", ADA, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer["HX-Retarget"]) == (403, "#alert")
    assert "<html" not in text(answer)
