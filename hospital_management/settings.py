"""Settings, all from the environment (``.env.example`` documents each variable)."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hospital_management import env
from hospital_management.databases import connection_settings

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG", default=False)
EMBEDDED = env.flag("EMBEDDED", default=False)
HTTPS = env.flag("HTTPS", default=not (EMBEDDED or DEBUG or env.text("HOST") == "127.0.0.1"))

SECRET_KEY = env.required(
    "SECRET_KEY",
    "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
)
if SECRET_KEY.startswith(("django-insecure", "change-me")) and not DEBUG:
    raise ImproperlyConfigured("SECRET_KEY still has its example value; make your own.")

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "daphne",
    "hospital_management.apps.HospitalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "channels",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "phonenumber_field",
    "procrastinate.contrib.django",
    "rest_framework",
    "servestatic",
    "core",
    "accounts",
    "patients",
    "appointments",
]

MIDDLEWARE = [
    "core.middleware.request_log",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "core.middleware.refuse_unreadable_input",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.TenantMiddleware",
    "accounts.middleware.SessionTimeoutMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.refusals.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "hospital_management.urls"
ASGI_APPLICATION = "hospital_management.asgi.application"
WSGI_APPLICATION = "hospital_management.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.frame",
            ],
        },
    }
]

# ``default`` is the application's role, bound by row-level security; ``owner`` migrates.
DATABASES = connection_settings(
    env.text("DATABASE_URL"), SECRET_KEY, pool_size=env.integer("DATABASE_POOL_SIZE", 0)
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379")


def redis_database(number: int) -> str:
    """The ``number``-th database after the one that REDIS_URL names (0 where it names none)."""
    base, _, query = REDIS_URL.partition("?")
    if base.startswith("unix://"):
        first = query.removeprefix("db=") if query.startswith("db=") else 0
        return f"{base}?db={int(first) + number}"
    scheme, _, rest = base.partition("://")
    address, _, first = rest.partition("/")
    return f"{scheme}://{address}/{int(first or 0) + number}"


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_database(1),
    }
}
CHANNEL_LAYERS = {
    "default": {
        # The list-based layer loses messages in bursts and leaves sockets stale without Redis.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py's 5 s default equals the layer's blocking read and drops idle sockets.
            "hosts": [
                {
                    "address": redis_database(2),
                    "socket_timeout": None,
                    "max_connections": 1000,
                    # Tried again by whoever needs it; until then nobody waits for it.
                    "retry": Retry(NoBackoff(), 1),
                }
            ],
            # Pub/sub does not know of Redis databases: without a name of its own, another
            # installation on the same Redis would be heard.
            "prefix": f"{DATABASES['default']['NAME']}@{redis_database(2).rpartition('/')[2]}",
            "capacity": 1500,
            "expiry": 10,
        },
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.TenantBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:login"
PASSWORD_RESET_TIMEOUT = 60 * 60  # seconds

AXES_FAILURE_LIMIT = env.integer("LOGIN_FAILURE_LIMIT", 10)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_ONLY_ADMIN_SITE = False

SESSION_COOKIE_AGE = 12 * 60 * 60  # a shift
SESSION_IDLE_SECONDS = env.integer("SESSION_IDLE_MINUTES", 60) * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "core.refusals.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# On loopback without TLS the checks that ask for TLS cannot be met.
SILENCED_SYSTEM_CHECKS = (
    [] if HTTPS else ["security.W004", "security.W008", "security.W012", "security.W016"]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English (24-hour clock)"), ("en-us", "English (12-hour clock)")]
FORMAT_MODULE_PATH = ["hospital_management.formats"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the apps' folders, so no collectstatic step stands before the first start.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = BASE_DIR / env.text("DATA_DIR", ".data") / "mail"
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "no-reply@localhost")

PHONENUMBER_DB_FORMAT = "E164"
PHONENUMBER_DEFAULT_FORMAT = "INTERNATIONAL"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api_permissions.RequiresPermission"],
    "DEFAULT_PAGINATION_CLASS": "core.api.Pages",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PARSER_CLASSES": ["core.api.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.FastJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "core.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["core.api.UserThrottle", "core.api.StrangerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env.text("API_THROTTLE_USER", "6000/min"),
        "stranger": env.text("API_THROTTLE_STRANGER", "600/min"),
        "token": env.text("API_THROTTLE_TOKEN", "60/min"),
        "public": env.text("PUBLIC_THROTTLE", "1200/min"),
    },
    # A stranger is told apart by address; only a proxy of ours may name another one.
    "NUM_PROXIES": env.integer("TRUSTED_PROXIES", 0),
    "EXCEPTION_HANDLER": "core.api_errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Patient flow API",
    "DESCRIPTION": "Appointments, live queue and waitlist of one hospital or clinic.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/",
    # Views are described outside any tenant, where the scoped manager raises.
    "DEFAULT_QUERY_MANAGER": "unscoped",
    "ENUM_NAME_OVERRIDES": {
        "AppointmentStatusEnum": "appointments.api.serializers.appointments.STATUSES",
        "QueueEntryStatusEnum": "appointments.enums.QueueEntryStatus",
        "WaitlistStatusEnum": "appointments.enums.WaitingListStatus",
        "TypeModalityEnum": "appointments.enums.Modality",
        "ModalityEnum": "appointments.api.serializers.appointments.MODALITIES",
        "TimeOffKindEnum": "appointments.enums.TimeOffKind",
    },
}

# A function of the shape of this one, such as a routing service's client.
TRAVEL_TIME = env.text("TRAVEL_TIME", "appointments.scheduling.travel.travel_minutes")

PROCRASTINATE_ON_APP_READY = "hospital_management.jobs.register"

LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"masks": {"()": "core.masks.MaskTokens"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["masks"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "axes": {"level": "ERROR"},
        "channels_redis": {"level": "CRITICAL"},  # a traceback each second while Redis is down
        "daphne": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
    },
}
