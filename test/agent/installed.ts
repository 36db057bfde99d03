/** What the matrix of the agent, and its bench, are made of. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things are installed: outside the checkout, to be found again. */
export const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'branchline', 'agent');

/** Versions of Node: the newest of each line, and the last of 22 that lacks a channel which later ones have. */
export const versions = ['18.20.8', '20.20.2', '22.11.0', '22.23.3', '24.21.0', '26.10.0'];

/** Packages, by the name that the guest loads them by. */
export const libraries: Readonly<Record<string, string>> = {
  express4: 'npm:express@4',
  express5: 'npm:express@5',
  fastify4: 'npm:fastify@4',
  fastify5: 'npm:fastify@5',
  koa: '2',
  'koa-bodyparser': '4',
  '@hapi/hapi': '21',
  hono: '4',
  '@hono/node-server': '1',
  multer1: 'npm:multer@1.4.5-lts.1',
  '@nestjs/core': '10',
  '@nestjs/common': '10',
  '@nestjs/platform-express': '10',
  '@nestjs/platform-fastify': '10',
  'reflect-metadata': '0.2',
  rxjs: '7',
  'http-proxy': '1',
  ws: '8',
  '@grpc/grpc-js': '1',
  axios: '1',
  got11: 'npm:got@11',
  got14: 'npm:got@14',
  'node-fetch2': 'npm:node-fetch@2',
  'node-fetch3': 'npm:node-fetch@3',
  superagent: '10',
  needle: '3',
  ky: '1',
  undici5: 'npm:undici@5',
  undici6: 'npm:undici@6',
  undici7: 'npm:undici@7',
  undici8: 'npm:undici@8',
  '@aws-sdk/client-s3': '3',
  '@smithy/node-http-handler': '4',
  '@elastic/elasticsearch': '8',
  ioredis: '5',
  pg: '8',
  tsx: '4',
  'ts-node': '10',
  typescript: '5',
  webpack: '5',
  postject: '1.0.0-alpha.6',
  npm: '10',
  hpropagate: '1.0.1',
  amqplib: '0.10',
  kafkajs: '2',
  '@opentelemetry/api': '1',
  '@opentelemetry/core': '2',
  '@opentelemetry/sdk-trace-node': '2',
  '@opentelemetry/instrumentation': '0.223.0',
  '@opentelemetry/instrumentation-http': '0.223.0',
  '@opentelemetry/instrumentation-undici': '0.33.0',
};

/** Installs packages in a folder of the cache, unless the same ones are there. */
export function install(folder: string, dependencies: Readonly<Record<string, string>>): void {
  const manifest = JSON.stringify({ name: 'agent-matrix', private: true, dependencies });
  const done = join(folder, `.installed-${Buffer.from(manifest).toString('base64url').slice(-24)}`);
  if (existsSync(done)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error', '--legacy-peer-deps'],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  writeFileSync(done, '');
}

/** hpropagate, as its users require it. */
export const hpropagateText = "require('hpropagate')({ headersToPropagate: ['x-variant-id'] });\n";

/** Traces http and undici with W3C trace context and baggage, and sends the spans nowhere. */
export const tracingText = `
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } = require('@opentelemetry/core');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
new NodeTracerProvider().register({ propagator: new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }) });
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });
// It hooks a module when that is required; a program that only imports would go untraced.
require('http');
require('https');
`;
