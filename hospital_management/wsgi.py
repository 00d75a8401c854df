"""WSGI entry, for HTTP only; sockets need ``asgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hospital_management.settings")
os.environ.setdefault("DATABASE_POOL_SIZE", "20")

application = get_wsgi_application()
