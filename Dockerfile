# The image of the operator, its agents and its jobs: Node, and the program as one file. No shell, no package manager.
#   make image IMAGE=registry.example.com/rtcnode-operator:0.1.0
# Both bases are pinned; a newer digest: docker buildx imagetools inspect node:24-bookworm-slim
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d
# glibc, libstdc++, libgcc and certificates.
ARG RUN_BASE=gcr.io/distroless/cc-debian13:nonroot@sha256:e792ab3d241a468a4fd7519ddbbebe66b49b5f365771716ea688ad40b6c6f1c2

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY package.json package-lock.json tsconfig.json ./
# The bundler needs no script of any package to be run.
RUN npm install --no-save --no-audit --no-fund --ignore-scripts
COPY scripts/bundle.ts scripts/
COPY operator operator
RUN node scripts/bundle.ts && echo '{"type":"module"}' > dist/package.json

FROM ${RUN_BASE}
LABEL org.opencontainers.image.title=rtcnode-operator \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /usr/local/bin/node /usr/bin/node
COPY --from=build /src/dist/rtcnode.js /src/dist/package.json /app/
ENV NODE_ENV=production
USER 65532
ENTRYPOINT ["node", "/app/rtcnode.js"]
