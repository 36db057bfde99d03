# Builds the bundle with the locked dependencies; the image that runs has node, the bundle and nothing to install with.
# `--target chat` is the same with what `branchline chat` needs; without it Slack's library is in no image.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY scripts scripts
COPY src src
RUN npm run build

FROM gcr.io/distroless/nodejs24-debian12 AS program
WORKDIR /app
COPY --from=build /src/package.json ./package.json
COPY --from=build /src/dist/branchline.js /src/dist/agent.cjs /src/dist/package.json /src/dist/licences.txt dist/
# Numeric, so that runAsNonRoot can be checked; nothing below /app is written, so the root can be read-only.
USER 65532:65532
# Two arenas of the C allocator instead of eight a core, and a small young generation: a hundred megabytes less under load, at no measured cost in time. The old generation grows by a third
# between collections, not to twice its size and more: 201 MB instead of 343 in a large cluster.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
EXPOSE 8443 8080
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=4", "--heap-growing-percent=30", "/app/dist/branchline.js"]
CMD ["serve"]

FROM program AS chat
COPY --from=build /src/dist/slack-bolt.js /src/dist/slack-bolt-licences.txt dist/
CMD ["chat"]

FROM program AS webhook
