from django.urls import path

from patients import views

app_name = "patients"

urlpatterns = [
    path("", views.patient_list, name="list"),
    path("search/", views.rows, name="rows"),
    path("register/", views.register, name="register"),
    path("duplicates/", views.duplicates, name="duplicates"),
    path("<int:patient_id>/", views.record, name="record"),
    path("<int:patient_id>/edit/", views.edit, name="edit"),
]
