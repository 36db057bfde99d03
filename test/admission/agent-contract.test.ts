/** What the Pod webhook writes is what the agent reads: the two share no code, on purpose. */
import { createRequire } from 'node:module';
import { test } from 'tap';
import { readConfig } from '../../src/agent/config.ts';
import { withAgentSettings } from '../../src/admission/pods/variables.ts';
import { defaultAgentHeaders } from '../../src/config/branch-settings.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { settingsWith } from './golden.ts';

/** The agent is built to CommonJS, where this is there. */
Object.assign(globalThis, { require: createRequire(import.meta.url) });

function environment(
  namespace: string,
  flags: JsonObject = {},
  container: JsonObject = {},
): Record<string, string> {
  const { env } = withAgentSettings(container, settingsWith(flags), namespace) as {
    readonly env: readonly { readonly name: string; readonly value: string }[];
  };
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

test('without any setting the agent carries what the settings table says', (t) => {
  t.same([...(readConfig({})?.names ?? [])].sort(), [...defaultAgentHeaders].sort());
  t.same(readConfig(environment('ww-green'))?.names, defaultAgentHeaders);
  t.end();
});

test('every setting arrives', (t) => {
  const config = readConfig(
    environment('ww-green', {
      routingHeader: 'x-branch',
      agentHeaders: 'x-tenant',
      agentGenerate: 'x-correlation-id',
      agentResponse: 'true',
      agentHosts: 'partner.example.io,10.1.0.0/16',
      clusterDomain: 'c.example',
    }),
  );
  t.same(config?.names, ['x-tenant', 'x-branch', 'x-correlation-id']);
  t.same([config?.generate, config?.isEchoed], [['x-correlation-id'], true]);
  for (const host of [
    'shop',
    'shop.ww-green',
    'shop.ww-green:8080',
    'shop.ww-blue.svc',
    'shop.ww-blue.svc.c.example',
    'api.partner.example.io',
    '10.1.2.3',
  ])
    t.equal(config?.isInside(host), true, host);
  for (const host of ['shop.ww-blue', 'example.io', 'shop.ww-blue.svc.cluster.local', '10.2.0.1'])
    t.equal(config?.isInside(host), false, host);
  t.end();
});

test('a namespace that could be a top-level domain opens none', (t) => {
  for (const namespace of ['dev', 'shop', 'xn--p1ai'])
    t.equal(readConfig(environment(namespace))?.isInside(`pay.${namespace}`), false, namespace);
  for (const namespace of ['dev-1', 'team2', 'ww-green'])
    t.equal(readConfig(environment(namespace))?.isInside(`pay.${namespace}`), true, namespace);
  t.end();
});

test('what a container sets itself counts', (t) => {
  const container = {
    env: [
      { name: 'BRANCHLINE_AGENT_HEADERS', value: '+x-mine' },
      { name: 'BRANCHLINE_AGENT_DISABLED', value: 'true' },
    ],
  };
  t.equal(readConfig(environment('ww-green', {}, container)), undefined);
  t.end();
});
