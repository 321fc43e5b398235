# kgate for CI jobs and clusters: docker build -t kgate . && docker run --rm -v "$PWD:/work:ro" kgate scan .
FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a AS build
COPY . /source
RUN python -m venv /kgate \
    && /kgate/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r /source/action/requirements.txt \
    && /kgate/bin/pip install --no-cache-dir --no-deps --no-build-isolation /source \
    && /kgate/bin/pip uninstall --yes hatchling trove-classifiers tomlkit packaging pluggy pip

FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a
LABEL org.opencontainers.image.source=https://github.com/kgate/kgate \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /kgate /kgate
ENV PATH=/kgate/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["kgate"]
CMD ["scan", "."]
