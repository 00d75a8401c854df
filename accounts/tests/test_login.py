"""Login, lock-out, timeouts and the way in for superusers, as a browser sees them."""

import re
import time
import traceback
from smtplib import SMTPRecipientsRefused

import pytest
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.middleware import LAST_SEEN_SESSION_KEY
from accounts.models import User
from accounts.permissions import Role
from accounts.tasks import MailError, mail_password_link
from appointments.tests.clinics import PASSWORD
from core.models import AuditEvent

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
NEW_PASSWORD = "violet-harbour-tin-31"


def log_in(client: Client, username: str, password: str = PASSWORD, **more: str):
    return client.post(LOGIN, {"username": username, "password": password} | more)


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root@test", "root@test", PASSWORD)


@pytest.mark.parametrize(
    ("role", "page"), [(Role.FRONT_DESK, "/today/"), (Role.PATIENT, "/portal/")]
)
def test_login_leads_each_role_to_its_first_page(riverside, client, role, page):
    answer = log_in(client, riverside.user(role).username.upper())
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/")["Location"] == page


def test_users_of_two_tenants_log_in_at_one_address(riverside, lakeside):
    for clinic in (riverside, lakeside):
        client = Client()
        log_in(client, clinic.user(Role.MANAGER).username)
        body = client.get("/patients/").content.decode()
        assert clinic.tenant.name in body
        assert f"{clinic.tenant.slug.title()}son" in body


def test_login_records_the_time_in_the_tenants_own_row(riverside, client):
    user = riverside.user(Role.NURSE)
    log_in(client, user.username)
    with riverside.active():
        assert User.objects.get(pk=user.pk).last_login is not None


@pytest.mark.parametrize("name", ["nobody@nowhere.test", "front_desk@riverside.test", ""])
def test_a_wrong_login_is_told_the_same_whoever_it_is(riverside, client, name):
    answer = log_in(client, name or "x", "wrong-password")
    assert answer.status_code == 200
    assert "do not fit together" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_inactive_user_cannot_log_in(riverside, client):
    user = riverside.user(Role.NURSE)
    with riverside.active():
        User.objects.filter(pk=user.pk).update(is_active=False)
    log_in(client, user.username)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("asked", "given"),
    [("/patients/", "/patients/"), ("https://evil.test/", "/"), ("//evil.test/", "/")],
)
def test_next_is_followed_only_within_the_site(riverside, client, asked, given):
    name = riverside.user(Role.FRONT_DESK).username
    assert log_in(client, name, next=asked)["Location"] == given


@override_settings(AXES_FAILURE_LIMIT=3)
def test_repeated_failures_lock_the_login_out_even_with_the_right_password(riverside, client):
    name = riverside.user(Role.FRONT_DESK).username
    statuses = [log_in(client, name, "wrong").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = log_in(client, name)
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    other = riverside.user(Role.NURSE).username
    assert log_in(client, other).status_code == 302


def test_logging_out_takes_a_post_and_ends_the_session(riverside):
    client = riverside.client()
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/patients/")["Location"].startswith(LOGIN)


def idle(client: Client, seconds: int) -> None:
    session = client.session
    session[LAST_SEEN_SESSION_KEY] = int(time.time()) - seconds
    session.save()


@override_settings(SESSION_IDLE_SECONDS=600)
def test_an_idle_session_ends(riverside):
    client = riverside.client()
    idle(client, 599)
    assert client.get("/patients/").status_code == 200
    idle(client, 602)
    assert client.get("/patients/")["Location"].startswith(LOGIN)


@override_settings(SESSION_IDLE_SECONDS=600)
def test_what_a_page_asks_for_by_itself_does_not_keep_the_session_alive(riverside):
    client = riverside.client()
    idle(client, 300)
    before = client.session[LAST_SEEN_SESSION_KEY]
    client.get("/patients/", headers={"X-Background": "1"})
    assert client.session[LAST_SEEN_SESSION_KEY] == before
    client.get("/patients/")
    assert client.session[LAST_SEEN_SESSION_KEY] > before


def test_under_htmx_an_ended_session_redirects_the_whole_page(client):
    answer = client.post(
        "/patients/search/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/patients/"},
    )
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == f"{LOGIN}?next=%2Fpatients%2F"


def test_pages_of_a_session_are_not_kept_by_the_browser(riverside):
    assert "no-store" in riverside.client().get("/patients/")["Cache-Control"]


# ----------------------------------------------------------------- forgotten password


def ask_for_link(client: Client, address: str) -> str:
    """Ask as a person does, and do the jobs that this queued."""
    page = ask(client, address)
    run_jobs()
    return page


def run_jobs() -> None:
    for name, args in ProcrastinateJob.objects.values_list("task_name", "args"):
        app.tasks[name].func(**args)


def ask(client: Client, address: str) -> str:
    answer = client.post(reverse("accounts:password_reset"), {"email": address}, follow=True)
    assert answer.redirect_chain == [(reverse("accounts:password_reset_done"), 302)]
    return re.sub(r'"X-CSRFToken": "\w+"', "", answer.content.decode())


def mailed_path() -> str:
    return re.search(r"http://testserver(/accounts/forgotten/\S+)", mail.outbox[0].body)[1]


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(riverside, lakeside, client):
    user = lakeside.user(Role.NURSE)
    ask_for_link(client, user.username)
    (message,) = mail.outbox
    assert message.to == [user.email]
    link = mailed_path()
    form = client.get(link, follow=True)
    answer = client.post(
        form.redirect_chain[-1][0], {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    )
    assert answer["Location"] == reverse("accounts:password_reset_complete")
    assert log_in(Client(), user.username, NEW_PASSWORD).status_code == 302
    assert log_in(Client(), user.username, PASSWORD).status_code == 200
    again = Client().get(link, follow=True)
    assert "no longer works" in again.content.decode()


def test_neither_the_answer_nor_its_work_tells_whether_a_login_exists(riverside, client):
    pages, statements = [], []
    for address in (riverside.user(Role.NURSE).username, "nobody@nowhere.test"):
        with CaptureQueriesContext(connection) as queries:
            pages.append(ask(client, address))
        statements.append(len(queries))
    assert pages[0] == pages[1]
    assert statements[0] == statements[1]
    assert ProcrastinateJob.objects.count() == 2
    assert not mail.outbox
    run_jobs()
    assert [message.to for message in mail.outbox] == [[riverside.user(Role.NURSE).email]]


def test_the_queue_holds_neither_login_nor_token(riverside, client):
    user = riverside.user(Role.NURSE)
    ask(client, user.username)
    args = ProcrastinateJob.objects.get().args
    assert args == {"user_id": user.pk, "origin": "http://testserver"}


def test_nobody_is_flooded_with_links(riverside, client):
    name = riverside.user(Role.NURSE).username
    for number in range(5):
        ask(client, name.upper() if number % 2 else name)
    run_jobs()
    assert len(mail.outbox) == 3


def test_a_link_is_mailed_while_the_cache_is_down(riverside, client, monkeypatch):
    def nowhere(*args, **kwargs):
        raise RedisConnectionError

    monkeypatch.setattr("accounts.passwords.cache.add", nowhere)
    ask_for_link(client, riverside.user(Role.NURSE).username)
    assert len(mail.outbox) == 1


def test_no_link_is_mailed_to_a_user_disabled_since(riverside, client):
    user = riverside.user(Role.NURSE)
    ask(client, user.username)
    with riverside.active():
        User.objects.filter(pk=user.pk).update(is_active=False)
    run_jobs()
    assert not mail.outbox


def test_a_user_without_an_address_is_mailed_at_the_login_with_a_link_that_works(riverside, client):
    user = riverside.user(Role.NURSE)
    with riverside.active():
        User.objects.filter(pk=user.pk).update(email="")
    ask_for_link(client, user.username)
    assert mail.outbox[0].to == [user.username]
    assert "Set a new password" in client.get(mailed_path(), follow=True).content.decode()


def test_a_failing_mail_server_is_tried_again_and_no_address_is_logged(
    riverside, client, monkeypatch
):
    def refuse(*args, **kwargs):
        raise SMTPRecipientsRefused({riverside.user(Role.NURSE).email: (550, b"no")})

    monkeypatch.setattr("accounts.passwords.send_mail", refuse)
    ask(client, riverside.user(Role.NURSE).username)
    with pytest.raises(MailError) as failure:
        run_jobs()
    lines = "".join(traceback.format_exception(failure.value))
    assert riverside.user(Role.NURSE).email not in lines
    job = Job(id=1, lock=None, queueing_lock=None, task_name="x", queue="default", attempts=0)
    assert mail_password_link.get_retry_exception(failure.value, job)


@pytest.mark.parametrize("uid", ["MQ", "x", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "w4k"])
def test_a_made_up_link_says_that_it_does_not_work(riverside, client, uid):
    answer = client.get(f"/accounts/forgotten/{uid}/abc-def/")
    assert answer.status_code == 200
    assert "no longer works" in answer.content.decode()


def test_a_link_opened_while_another_tenants_user_is_logged_in_logs_that_one_out(
    riverside, lakeside
):
    ask_for_link(Client(), lakeside.user(Role.NURSE).username)
    link = mailed_path()
    client = riverside.client()
    assert "Set a new password" in client.get(link, follow=True).content.decode()
    assert "_auth_user_id" not in client.session


def test_a_user_changes_the_password_and_stays_logged_in(riverside):
    client = riverside.client()
    answer = client.post(
        reverse("accounts:password_change"),
        {
            "old_password": PASSWORD,
            "new_password1": NEW_PASSWORD,
            "new_password2": NEW_PASSWORD,
        },
    )
    assert answer.status_code == 302
    assert client.get("/patients/").status_code == 200


# ------------------------------------------------------------------------- superusers


def test_a_superuser_enters_one_hospital_at_a_time_and_the_entry_is_audited(
    riverside, lakeside, root
):
    client = Client()
    log_in(client, "root@test")
    assert client.get("/patients/")["Location"] == "/accounts/tenant/?next=/patients/"
    page = client.get("/accounts/tenant/").content.decode()
    assert riverside.tenant.name in page
    assert lakeside.tenant.name in page
    answer = client.post("/accounts/tenant/", {"tenant": "lakeside", "next": "/patients/"})
    assert answer["Location"] == "/patients/"
    body = client.get("/patients/").content.decode()
    assert "Lakesideson" in body
    assert "Riversideson" not in body
    with lakeside.active():
        entry = AuditEvent.objects.get(action="ENTER")
    assert entry.actor_id == root.pk


def test_a_superuser_leaves_and_changes_the_password_outside(riverside, root):
    client = Client()
    log_in(client, "root@test")
    client.post("/accounts/tenant/", {"tenant": "riverside"})
    answer = client.get(reverse("accounts:password_change"), follow=True)
    assert answer.status_code == 200
    assert client.get("/patients/")["Location"].startswith("/accounts/tenant/")


@pytest.mark.parametrize("slug", ["", "no-such", "x" * 300])
def test_an_unknown_hospital_cannot_be_entered(riverside, root, slug):
    client = Client()
    log_in(client, "root@test")
    assert client.post("/accounts/tenant/", {"tenant": slug})["Location"] == "/accounts/tenant/"
    assert client.get("/patients/").status_code == 302


def test_an_inactive_hospital_cannot_be_entered(riverside, root):
    with riverside.active():
        type(riverside.tenant).objects.filter(pk=riverside.tenant.pk).update(is_active=False)
    client = Client()
    log_in(client, "root@test")
    client.post("/accounts/tenant/", {"tenant": "riverside"})
    assert client.get("/patients/").status_code == 302


def test_only_superusers_choose_a_hospital(riverside):
    for role in Role:
        assert riverside.client(role).get("/accounts/tenant/").status_code == 403
