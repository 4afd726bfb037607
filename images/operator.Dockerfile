# The operator image: operator, prepare, agent and the kubectl plug-in. Build from the root of the checkout:
#   docker build -f images/operator.Dockerfile -t localhost/pronote-operator:dev .
# `make images` makes the same image without Docker; it reads ENV, USER, ENTRYPOINT and CMD of the last stage from here.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip
COPY requirements/operator.txt /build/
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: --no-compile \
    --target /opt/pronote/lib/python3.11/site-packages -r /build/operator.txt
COPY pyproject.toml images/install.py /build/
COPY operator/pronote_operator /build/operator/pronote_operator
RUN python3 /build/install.py dependencies /opt/pronote \
    && python3 /build/install.py code /opt/pronote /build operator/pronote_operator

FROM debian:bookworm-slim
COPY images/operator.packages images/install.py /build/
RUN apt-get update \
    && apt-get install -y --no-install-recommends $(cat /build/operator.packages) \
    && python3 /build/install.py base / \
    && rm -rf /build /var/lib/apt/lists
COPY --from=build /opt/pronote /opt/pronote
ENV PATH=/opt/pronote/bin:/usr/bin:/bin
ENV LANG=C.UTF-8
ENV PYTHONUNBUFFERED=1
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["pronote-operator"]
CMD ["run"]
