# The image of all three programs: api, which it runs by itself, worker, and
# starter (`docker run IMAGE worker`, `command: ["worker"]`).
#
# The base is pinned by its version. To pin what is in it as well, append the
# digest that `docker buildx imagetools inspect golang:1.26.8-bookworm` prints:
# golang:1.26.8-bookworm@sha256:… Of it, certificates and time zones are in the
# image, and nothing else.
ARG GO_VERSION=1.26.8

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN mkdir -p /out/etc/ssl/certs /out/usr/share \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && cp -a /usr/share/zoneinfo /out/usr/share/ \
    && rm -rf /out/usr/share/zoneinfo/posix /out/usr/share/zoneinfo/right \
    && mkdir -p /cache \
    && echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >/out/etc/passwd
ARG TARGETOS
ARG TARGETARCH
# What the programs say of themselves; `make image` gives them. The commit's
# time, not that of the build: two builds give the same.
ARG VERSION=(devel)
ARG REVISION
ARG COMMITTED
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -o /out/usr/local/bin/ -ldflags "-s -w \
        -X tenant-provisioning/internal/build.version=$VERSION \
        -X tenant-provisioning/internal/build.revision=$REVISION \
        -X tenant-provisioning/internal/build.committed=$COMMITTED" \
    ./api ./worker ./starter

FROM scratch
ARG VERSION=(devel)
ARG REVISION
ARG COMMITTED
LABEL org.opencontainers.image.title="tenant-provisioning" \
      org.opencontainers.image.description="Durable control plane that provisions tenants: api, worker and starter" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$COMMITTED"
COPY --from=build /out/ /
# What the api's page at /status knew last (STATUS_FILE).
COPY --from=build --chown=65532:65532 /cache /var/cache/tenant-provisioning
ENV PATH=/usr/local/bin
# By number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 65532:65532
# The api; /metrics, /livez and /readyz of the worker.
EXPOSE 3000 9464
# Of the api. A container of a worker names its own: worker healthcheck.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["api", "healthcheck"]
CMD ["api"]
