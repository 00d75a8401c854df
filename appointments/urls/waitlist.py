"""Pages below /appointments/waitlist/."""

from django.urls import path

from appointments.views import waitlist as views
from appointments.views import waitlist_book, waitlist_edit

app_name = "waitlist"

urlpatterns = [
    path("", views.waitlist, name="waitlist"),
    path("rows/", views.rows, name="rows"),
    path("add/", waitlist_edit.add, name="add"),
    path("also-waiting/", waitlist_edit.also_waiting, name="also_waiting"),
    path("<int:entry_id>/", views.entry, name="entry"),
    path("<int:entry_id>/edit/", waitlist_edit.edit, name="edit"),
    path("<int:entry_id>/book/", waitlist_book.book, name="book"),
    path("<int:entry_id>/withdraw/", views.withdraw, name="withdraw"),
    path("<int:entry_id>/put-back/", views.put_back, name="put_back"),
    path("<int:entry_id>/undo-booking/", views.undo_booking, name="undo_booking"),
]
