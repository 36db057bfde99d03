import { X509Certificate } from 'node:crypto';
import { test, type Test } from 'tap';
import { splitPem } from '../../src/installation/authority.ts';
import { openOwnCertificates, type OwnCertificates } from '../../src/installation/own-certificates.ts';
import { listAt, objectAt, textAt } from '../../src/model/json.ts';
import { createFakeApi, putConfigurations, type FakeApi } from './fake-api.ts';

const day = 86_400_000;
const start = Date.parse('2030-01-01T00:00:00Z');
const settings = {
  systemNamespace: 'branchline-system',
  webhookConfiguration: 'branchline',
  tlsNames: ['branchline.branchline-system.svc'],
  caOverlapSeconds: 3600,
  clientCaFile: '',
};

function world(time = start): FakeApi {
  const api = createFakeApi(time);
  putConfigurations(api);
  return api;
}

const open = (api: FakeApi, reports: string[] = []): Promise<OwnCertificates> =>
  openOwnCertificates(
    { settings, writes: api, report: ({ message }) => void reports.push(message) },
    api.time,
  );

/** What the API server trusts, by each webhook. */
function trusted(api: FakeApi): readonly (readonly string[])[] {
  return ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']
    .flatMap((kind) => listAt(api.get(kind, 'branchline'), 'webhooks'))
    .map((webhook) =>
      splitPem(Buffer.from(textAt(webhook, 'clientConfig', 'caBundle') ?? '', 'base64').toString()),
    );
}

/** A handshake as the API server makes it: some trusted CA signed the leaf, and both are valid by its clock. */
function shakesHands(t: Test, api: FakeApi, certificates: OwnCertificates, what: string): void {
  const leaf = new X509Certificate(certificates.current.cert);
  const isValid = (cert: X509Certificate): boolean =>
    api.time >= cert.validFromDate.getTime() && api.time < cert.validToDate.getTime();
  for (const bundle of trusted(api)) {
    t.ok(
      isValid(leaf) &&
        bundle
          .map((pem) => new X509Certificate(pem))
          .some((ca) => isValid(ca) && leaf.checkIssued(ca) && leaf.verify(ca.publicKey)),
      what,
    );
  }
}

test('is not ready before its CA is in every caBundle, and ready after', async (t) => {
  const api = world();
  const certificates = await open(api);
  t.equal(certificates.unready().length, 1);
  t.equal(await certificates.refresh(0), true);
  t.same(certificates.unready(), []);
  shakesHands(t, api, certificates, 'after the first look');
  t.equal(await certificates.refresh(0), false, 'a second look finds nothing to do');
});

test('writes nothing when nothing changed', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  const before = api.written.length;
  await certificates.refresh(0);
  t.equal(api.written.length, before);
});

test('the serving key is in no object, and the CA key only in the Secret', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  const objects = [...new Set(api.written)].map((id) =>
    JSON.stringify(api.get(id.split('/')[0] ?? '', id.split('/')[1] ?? '')),
  );
  const key = certificates.current.key.replace(/\s/g, '').slice(40, 120);
  for (const object of objects) t.notOk(Buffer.from(object).toString().includes(key));
  t.equal(objects.filter((object) => object.includes('ca.key')).length, 1);
});

test('replicas that start at once share one CA', async (t) => {
  const api = world();
  const replicas = await Promise.all(Array.from({ length: 5 }, () => open(api)));
  await Promise.all(replicas.map((one) => one.refresh(0)));
  for (const replica of replicas) await replica.refresh(0);
  for (const [index, replica] of replicas.entries()) {
    shakesHands(t, api, replica, `replica ${index}`);
    t.same(replica.unready(), []);
  }
  t.equal(new Set(trusted(api).flat()).size, 1);
});

for (const [what, begin] of [
  [
    'a CA near its end',
    (api: FakeApi) => {
      api.time += 250 * day;
    },
  ],
  [
    'an annotation that asks for it',
    (api: FakeApi) => {
      const secret = api.get('Secret', 'branchline-ca') ?? {};
      api.put({
        ...secret,
        metadata: { ...objectAt(secret, 'metadata'), annotations: { 'branchline.dev/rotate': 'today' } },
      });
    },
  ],
] as const) {
  test(`replaces the CA for ${what}, and at no moment a handshake fails`, async (t) => {
    const api = world();
    const replicas = [await open(api), await open(api)];
    const look = async (): Promise<void> => {
      for (const replica of replicas) {
        await replica.refresh(0);
        for (const other of replicas) shakesHands(t, api, other, `at ${new Date(api.time).toISOString()}`);
      }
    };
    for (const replica of replicas) await replica.refresh(0);
    const [first] = trusted(api);
    begin(api);
    // Leaves live a week: what follows a jump of months begins with new ones.
    for (const replica of replicas) await replica.refresh(0);
    for (let minute = 0; minute < 180; minute += 20) {
      api.time += 20 * 60_000;
      await look();
    }
    const [last] = trusted(api);
    t.equal(last?.length, 1, 'the old CA is trusted no more');
    t.not(last?.[0], first?.[0], 'another CA');
  });
}

test('a deleted Secret is put back from memory, and nobody notices', async (t) => {
  const api = world();
  const reports: string[] = [];
  const certificates = await open(api, reports);
  await certificates.refresh(0);
  const before = trusted(api);
  api.remove('Secret', 'branchline-ca');
  await certificates.refresh(0);
  t.same(trusted(api), before);
  t.match(reports.at(-1), /put back from memory/);
});

test('a rotation that was asked for and is done is not done again when the annotation goes, with the Secret or alone', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  const annotate = (annotations: object): void => {
    const secret = api.get('Secret', 'branchline-ca') ?? {};
    api.put({ ...secret, metadata: { ...objectAt(secret, 'metadata'), annotations } });
  };
  const hours = async (): Promise<void> => {
    for (let hour = 0; hour < 4; hour += 1) {
      await certificates.refresh(0);
      api.time += 3_600_000;
    }
  };
  annotate({ 'branchline.dev/rotate': 'today' });
  await hours();
  const [rotated] = trusted(api);
  annotate({});
  await hours();
  api.remove('Secret', 'branchline-ca');
  await hours();
  t.same(trusted(api)[0], rotated);
  annotate({ 'branchline.dev/rotate': 'tomorrow' });
  await hours();
  t.not(trusted(api)[0]?.[0], rotated?.[0], 'another value asks for another');
});

test('with Secret and memory lost, the CA that is trusted so far stays so for the overlap', async (t) => {
  const api = world();
  const old = await open(api);
  await old.refresh(0);
  api.remove('Secret', 'branchline-ca');
  const fresh = await open(api);
  await fresh.refresh(0);
  shakesHands(t, api, fresh, 'the new replica');
  shakesHands(t, api, old, 'one that has not looked yet');
});

test('another CA in the Secret, from a backup, takes over as in a rotation: at no moment a handshake fails', async (t) => {
  const api = world();
  const elsewhere = world();
  await (await open(elsewhere)).refresh(0);
  const reports: string[] = [];
  const replicas = [await open(api, reports), await open(api, reports)];
  for (const replica of replicas) await replica.refresh(0);
  api.put({
    ...api.get('Secret', 'branchline-ca'),
    data: objectAt(elsewhere.get('Secret', 'branchline-ca'), 'data'),
  });
  for (let minute = 0; minute < 180; minute += 20) {
    for (const replica of replicas) {
      await replica.refresh(0);
      for (const other of replicas) shakesHands(t, api, other, `minute ${minute}`);
    }
    api.time += 20 * 60_000;
  }
  t.same(trusted(api), trusted(elsewhere), 'it alone is trusted in the end');
  t.match(reports.join(), /another one; the one that signed so far does so until that is trusted/);
});

test('a Secret that holds no pair is as good as none', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  const secret = api.get('Secret', 'branchline-ca') ?? {};
  api.put({ ...secret, data: { 'ca.crt': 'bm90aGluZw==' } });
  await certificates.refresh(0);
  shakesHands(t, api, certificates, 'after');
  t.ok(textAt(api.get('Secret', 'branchline-ca'), 'data', 'ca.key'));
});

test('a caBundle that somebody took away is put back', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  putConfigurations(api);
  await certificates.refresh(0);
  shakesHands(t, api, certificates, 'after');
});

for (const [what, jump] of [
  ['forward by three years', 3 * 365 * day],
  ['back by three years', -3 * 365 * day],
  ['forward by an hour', 3_600_000],
] as const) {
  test(`the API server's clock jumps ${what}: one look later handshakes succeed`, async (t) => {
    const api = world();
    const certificates = await open(api);
    await certificates.refresh(0);
    api.time += jump;
    await certificates.refresh(0);
    shakesHands(t, api, certificates, 'after the jump');
    api.time -= jump;
    await certificates.refresh(0);
    shakesHands(t, api, certificates, 'and back');
  });
}

test("this machine's own clock is of no account", async (t) => {
  const api = world(Date.parse('1999-01-01T00:00:00Z'));
  const certificates = await openOwnCertificates(
    { settings, writes: api, report: () => undefined },
    Date.now(),
  );
  await certificates.refresh(Date.now());
  shakesHands(t, api, certificates, "by the API server's clock");
});

test('a leaf is replaced when a third of its life is left', async (t) => {
  const api = world();
  const certificates = await open(api);
  await certificates.refresh(0);
  api.time += 4 * day;
  t.equal(await certificates.refresh(0), false);
  api.time += day;
  t.equal(await certificates.refresh(0), true);
});

test('an API server that cannot be asked changes nothing, and is reported once', async (t) => {
  const api = world();
  const reports: string[] = [];
  const certificates = await open(api, reports);
  api.webhooks = 'broken';
  await certificates.refresh(0);
  await certificates.refresh(0);
  t.equal(reports.length, 1);
  t.match(certificates.unready(), [/cannot be had/]);
  api.webhooks = 'absent';
  await certificates.refresh(0);
  t.same(certificates.unready(), []);
});

test('without webhook configurations it says so, and waits', async (t) => {
  const api = createFakeApi(start);
  const certificates = await open(api);
  await certificates.refresh(0);
  t.match(certificates.unready(), [/are not there/]);
  putConfigurations(api);
  await certificates.refresh(0);
  t.same(certificates.unready(), []);
});
