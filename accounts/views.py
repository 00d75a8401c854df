"""Login and its neighbours."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def home(request: HttpRequest) -> HttpResponse:
    """Everyone's first page."""
    return redirect("accounts:login")
