# syntax=docker/dockerfile:1

# One static program and nothing else.
FROM rust:1.95-alpine AS builder
RUN apk add --no-cache musl-dev
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package vendas --bin vendas \
    && cp target/release/vendas /vendas

# The tests, against the servers that VENDAS_TEST_KAFKA and VENDAS_TEST_POSTGRES name; those that
# kill servers bring their own, hence Java and Maven. PostgreSQL's programs are built for glibc.
FROM rust:1.95-bookworm AS test
RUN apt-get update \
    && apt-get install -y --no-install-recommends maven openjdk-17-jre-headless python3-venv xz-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
CMD ["./dev", "test"]

FROM scratch
COPY --from=builder /vendas /vendas
USER 65532:65532
ENTRYPOINT ["/vendas"]
CMD ["run"]
