"""Where the tests' CAS server answers: everything is under /cas/."""

from django.urls import include, path

urlpatterns = [path("cas/", include("cas_server.urls", namespace="cas_server"))]
