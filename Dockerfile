# The gateway. Build: docker build -t bedside .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package bedside-cli

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 bedside && install -d -o bedside /var/lib/bedside
COPY --from=build /src/target/release/bedside /usr/local/bin/bedside
USER bedside
VOLUME /var/lib/bedside
EXPOSE 7070
# SIGTERM drains: calls under way are answered before the process ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["bedside"]
CMD ["serve", "--listen", "0.0.0.0:7070", "--data", "/var/lib/bedside"]
