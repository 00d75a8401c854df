from django.urls import path

from appointments.views import today as views

app_name = "today"

urlpatterns = [
    path("", views.board, name="board"),
    path("board-columns/", views.board_columns, name="board_columns"),
]
