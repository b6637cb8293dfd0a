# docker build -t holdfast .
# docker run -p 8280:8280 -p 8290:8290 -v "$PWD/artifacts:/var/lib/holdfast/deploy" -v holdfast:/var/lib/holdfast holdfast
# server/test/docker.test.ts executes these steps without Docker; server/docs/operations.md says more.

FROM node:20-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY axis2-mock ./axis2-mock
COPY server ./server
COPY scripts ./scripts
RUN node scripts/build.mjs
RUN npm prune --omit=dev --ignore-scripts

FROM node:20-slim
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY scripts/healthcheck.mjs LICENSE NOTICE ./
RUN mkdir -p /var/lib/holdfast/deploy && chown -R node:node /var/lib/holdfast
ENV NODE_ENV=production
ENV HOLDFAST_HOME=/var/lib/holdfast
USER node
VOLUME /var/lib/holdfast
EXPOSE 8280 8290 8243 8253
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "healthcheck.mjs"]
STOPSIGNAL SIGTERM
CMD ["node", "dist/holdfast.js", "run"]
