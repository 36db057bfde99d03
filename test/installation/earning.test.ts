import { test } from 'tap';
import { branchPolicies, readConfigurations } from '../../src/installation/configurations.ts';
import { createEarning, earned } from '../../src/installation/earning.ts';
import { examine } from '../../src/commands/installation.ts';
import { openOwnCertificates } from '../../src/installation/own-certificates.ts';
import { textAt } from '../../src/model/json.ts';
import { createFakeApi, putConfigurations, type FakeApi } from './fake-api.ts';
import type { Log } from '../../src/telemetry/log.ts';

const quiet = { info: () => undefined, warn: () => undefined } as unknown as Log;
const policies = async (api: FakeApi): Promise<readonly string[]> =>
  branchPolicies(await readConfigurations({ writes: api, name: 'branchline' }));

for (const [row, want] of [
  [{ outcome: 'right', length: 1 }, undefined],
  [{ outcome: 'right', length: 2 }, 'Fail'],
  [{ outcome: 'wrong', length: 2 }, undefined],
  [{ outcome: 'wrong', length: 3 }, 'Ignore'],
  [{ outcome: 'unknown', length: 99 }, undefined],
] as const) {
  test(`${row.length} ${row.outcome} in a row: ${want ?? 'as it is'}`, (t) => {
    t.equal(earned(row), want);
    t.end();
  });
}

test('Fail after two right looks, Ignore after three wrong ones, nothing while it cannot ask; only for branches', async (t) => {
  const api = createFakeApi(0);
  putConfigurations(api);
  const seen: boolean[] = [];
  const earning = createEarning({
    writes: api,
    namespace: 's',
    name: 'branchline',
    earns: true,
    log: quiet,
    metrics: { probed: (isRight) => void seen.push(isRight) },
  });
  const turns = async (webhooks: FakeApi['webhooks'], times: number): Promise<readonly string[]> => {
    api.webhooks = webhooks;
    for (let time = 0; time < times; time += 1) await earning.turn();
    return policies(api);
  };
  t.same(await turns('answer', 1), ['Ignore', 'Ignore']);
  t.same(await turns('answer', 1), ['Fail', 'Fail']);
  t.same(await turns('broken', 9), ['Fail', 'Fail']);
  t.same(await turns('absent', 2), ['Fail', 'Fail']);
  t.same(await turns('absent', 1), ['Ignore', 'Ignore']);
  t.same(await turns('answer', 2), ['Fail', 'Fail']);
  t.equal(
    textAt(api.get('MutatingWebhookConfiguration', 'branchline'), 'webhooks', 1, 'failurePolicy'),
    'Ignore',
    'others never wait',
  );
  t.same(seen, [true, true, false, false, false, true, true]);
});

test('leaves the failure policy alone that it may not set', async (t) => {
  const api = createFakeApi(0);
  putConfigurations(api);
  const earning = createEarning({
    writes: api,
    namespace: 's',
    name: 'branchline',
    earns: false,
    log: quiet,
    metrics: { probed: () => undefined },
  });
  for (let time = 0; time < 3; time += 1) await earning.turn();
  t.same(await policies(api), ['Ignore', 'Ignore']);
});

const site = (api: FakeApi) => ({
  writes: api,
  settings: { systemNamespace: 's', webhookConfiguration: 'branchline' },
  now: api.time,
});
const problems = async (api: FakeApi): Promise<readonly string[]> =>
  (await examine(site(api))).filter(({ level }) => level === 'problem').map(({ what }) => what);

test('doctor --installation finds what is wrong, and nothing else', async (t) => {
  const api = createFakeApi(Date.parse('2030-01-01T00:00:00Z'));
  t.equal((await problems(api)).length, 3, 'two configurations and no caBundle');
  putConfigurations(api);
  t.match(await problems(api), [/no caBundle/]);
  const settings = {
    systemNamespace: 's',
    webhookConfiguration: 'branchline',
    tlsNames: ['x'],
    caOverlapSeconds: 1,
    clientCaFile: '',
  };
  await (await openOwnCertificates({ settings, writes: api, report: () => undefined }, api.time)).refresh(0);
  t.same(await problems(api), []);
  api.webhooks = 'absent';
  t.match(await problems(api), [/does not get through/]);
  api.webhooks = 'answer';
  api.time += 400 * 86_400_000;
  t.match(await problems(api), [/has ended/]);
});
