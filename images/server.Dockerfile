# The reference server image: pronote-server, and pronote-client. Build from the root of the checkout:
#   docker build -f images/server.Dockerfile --build-arg VERSION=2026.2.5 -t localhost/pronote-server:2026.2.5 .
# `make images` makes the same image without Docker; it reads ENV, USER, ENTRYPOINT and CMD of the last stage from here.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip
COPY requirements/server.txt /build/
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: --no-compile \
    --target /opt/pronote/lib/python3.11/site-packages -r /build/server.txt
COPY pyproject.toml images/install.py /build/
COPY server /build/server
RUN python3 /build/install.py dependencies /opt/pronote \
    && python3 /build/install.py code /opt/pronote /build server/pronote_server server/pronote_net server/pronote_client

FROM debian:bookworm-slim
COPY images/server.packages images/install.py /build/
RUN apt-get update \
    && apt-get install -y --no-install-recommends $(cat /build/server.packages) \
    && python3 /build/install.py base / \
    && rm -rf /build /var/lib/apt/lists
COPY --from=build /opt/pronote /opt/pronote
ARG VERSION
ENV PATH=/opt/pronote/bin:/usr/bin:/bin
ENV LANG=C.UTF-8
ENV PYTHONUNBUFFERED=1
ENV PYTHONDONTWRITEBYTECODE=1
ENV PRONOTE_VERSION=$VERSION
USER 10001:10001
ENTRYPOINT ["pronote-server"]
CMD ["serve"]
