# The image of the action: one static program under its names, and nothing else.
# tools/image.sh says which files it holds, and the last stage what its labels are. A
# release assembles the same image from both without docker (tools/release).
#
# Builders before BuildKit build every stage above the one wanted, so with them
# the base of the stage shell has to be in reach for the default stage too.
ARG GO_IMAGE=golang:1.26-alpine
ARG SHELL_IMAGE=debian:stable-slim

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -X main.release=${VERSION}" -o /jenkins-token . \
 && sh tools/image.sh /image jenkins-token /jenkins-token /etc/ssl/certs/ca-certificates.crt

# For CI systems that need a shell in the image: docker build --target shell .
FROM ${SHELL_IMAGE} AS shell
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl git jq \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/bin/ /usr/local/bin/
COPY --from=build /image/usr/share/licenses/ /usr/local/share/licenses/
LABEL org.opencontainers.image.title="jenkins-token with a shell" \
      org.opencontainers.image.description="Gives a CI job a short-lived, named Jenkins API token and revokes it; with sh, curl, git and jq" \
      org.opencontainers.image.source="https://github.com/jenkins-token/jenkins-token" \
      org.opencontainers.image.licenses="Apache-2.0"
CMD ["/bin/sh"]

# No USER: the files that the runner hands in belong to root's mapping. No args:
# they would reach the post step too.
FROM scratch
COPY --from=build /image/ /
LABEL org.opencontainers.image.title="jenkins-token" \
      org.opencontainers.image.description="Gives a CI job a short-lived, named Jenkins API token and revokes it" \
      org.opencontainers.image.source="https://github.com/jenkins-token/jenkins-token" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/bin/jenkins-token"]
