# One static program and nothing else. Rust for Alpine makes static programs by itself.
FROM rust:1.95-alpine AS builder
# What cryptography in C and assembler is compiled with; any version does.
# hadolint ignore=DL3018
RUN apk add --no-cache gcc musl-dev
WORKDIR /build
COPY . .
# `dev` builds in a fraction of the time, for trying out.
ARG PROFILE=release
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo install --locked --path . --profile "$PROFILE" --bin vendas --root /out

# The tests, against the servers that VENDAS_TEST_KAFKA and VENDAS_TEST_POSTGRES name; those that
# kill servers bring their own, hence Java and Maven. PostgreSQL's programs are built for glibc.
FROM rust:1.95-bookworm AS test
WORKDIR /opt
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        chromium chromium-driver maven openjdk-17-jre-headless pgbouncer python3-venv systemd \
        xz-utils \
    # Unpacked and not installed, since its installation would start it.
    && apt-get download prometheus && dpkg-deb --extract prometheus_*.deb prometheus \
    && rm -rf prometheus_*.deb /var/lib/apt/lists/*
ENV PATH=$PATH:/opt/prometheus/usr/bin
WORKDIR /build
COPY . .
ENTRYPOINT ["./dev", "test"]

FROM scratch AS vendas
COPY --from=builder /out/bin/vendas /vendas
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/vendas"]
CMD ["run"]
