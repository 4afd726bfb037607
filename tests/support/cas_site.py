"""The process of the tests' CAS server: Django, django-cas-server, and accounts out of a file.

Args of the process: the folder with `site.json` and `accounts.json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command

NOTHING = "data:,"
"""In place of style sheets and scripts that the pages would fetch from elsewhere."""


class Accounts:
    """Who may log in, as django-cas-server asks for it; the file is read each time, so that it may change."""

    def __init__(self, username: str) -> None:
        self.username = username
        found: Mapping[str, Any] = json.loads((Path(settings.BASE_DIR) / "accounts.json").read_text())
        self._account = found.get(username)

    def test_password(self, password: str) -> bool:
        return self._account is not None and bool(self._account["password"] == password)

    def attributs(self) -> dict[str, str | Sequence[str]]:
        return dict(self._account["attributes"]) if self._account else {}


def configure(folder: Path) -> None:
    """Django's settings."""
    settings.configure(
        BASE_DIR=folder,
        SECRET_KEY=(folder / "secret").read_text(),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.support.cas_urls",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "cas_server",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "cas.sqlite"}},
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="/static/",
        LANGUAGE_CODE="fr",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        CAS_AUTH_CLASS="tests.support.cas_site.Accounts",
        CAS_COMPONENT_URLS=dict.fromkeys(
            ("bootstrap3_css", "bootstrap3_js", "html5shiv", "respond", "bootstrap4_css", "bootstrap4_js", "jquery"),
            NOTHING,
        ),
        # Otherwise a page asks a package registry for newer versions.
        CAS_NEW_VERSION_HTML_WARNING=False,
        CAS_NEW_VERSION_EMAIL_WARNING=False,
    )
    django.setup()


def allow(patterns: Sequence[str]) -> None:
    """Let these services have tickets and all attributes; those that may already keep their tickets.

    Args:
        patterns: regular expressions of their URLs.
    """
    from cas_server.models import ReplaceAttributName, ServicePattern

    for pattern in patterns:
        service, _ = ServicePattern.objects.get_or_create(pattern=pattern, defaults={"name": pattern})
        ReplaceAttributName.objects.get_or_create(name="*", replace="", service_pattern=service)


def main() -> None:
    """Serve until SIGTERM."""
    folder = Path(sys.argv[1])
    site = json.loads((folder / "site.json").read_text())
    configure(folder)
    call_command("migrate", verbosity=0)
    allow(site["services"])
    uvicorn.run(
        get_asgi_application(),
        host=site["host"],
        port=site["port"],
        ssl_keyfile=str(folder / "tls" / "tls.key"),
        ssl_certfile=str(folder / "tls" / "tls.crt"),
        lifespan="off",
        timeout_graceful_shutdown=1,  # browsers hold their connections for ever
        log_level="warning",
    )


if __name__ == "__main__":
    main()
