import { once } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';
import { test } from 'tap';
import { dial, plainWorkload, post, readAnswer, received, review, run, send, sharedPair } from './harness.ts';

const path = '/mutate/workloads';
const body = review(plainWorkload);

interface Pem {
  readonly cert: string;
  readonly key: string;
}

function certificate(
  commonName: string,
  { issuer, dns = [] }: { issuer?: Pem; dns?: readonly string[] } = {},
): Pem {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const made = forge.pki.createCertificate();
  made.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  made.serialNumber = '01';
  made.validity.notAfter = new Date(Date.now() + 86_400_000);
  const subject = [{ name: 'commonName', value: commonName }];
  made.setSubject(subject);
  made.setIssuer(
    issuer === undefined ? subject : forge.pki.certificateFromPem(issuer.cert).subject.attributes,
  );
  made.setExtensions(
    issuer === undefined
      ? [{ name: 'basicConstraints', cA: true }]
      : dns.length === 0
        ? []
        : [{ name: 'subjectAltName', altNames: dns.map((value) => ({ type: 2, value })) }],
  );
  made.sign(forge.pki.privateKeyFromPem(issuer?.key ?? keys.privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(made), key: keys.privateKey };
}

const ca = certificate('callers');
const apiServer = certificate('kube-apiserver', { issuer: ca });
const other = certificate('somebody', { issuer: ca });
const byDns = certificate('anything', { issuer: ca, dns: ['apiserver.example'] });
const stranger = certificate('kube-apiserver', { issuer: certificate('others') });
const named = { clientNames: ['kube-apiserver', 'apiserver.example'] };

test('with a client CA a caller without a certificate of it does not get through the handshake', async (t) => {
  const { port } = await run(t, { clientCa: ca.cert });
  t.equal(readAnswer(await send(port, path, { body, tls: apiServer })).response.allowed, true);
  t.equal((await send(port, path, { body, tls: other })).status, 200, 'no names given: everybody of that CA');
  for (const tls of [{}, stranger]) {
    await t.rejects(send(port, path, { body, tls: { ...tls, maxVersion: 'TLSv1.3' } }), {
      code: /^(ERR_SSL_|ECONNRESET|EPIPE)/,
    });
    await t.rejects(send(port, path, { body, tls: { ...tls, maxVersion: 'TLSv1.2' } }));
  }
});

test('with client names a caller of the CA with another name is told so, and nothing is read of it', async (t) => {
  const { port, metrics } = await run(t, {
    clientCa: ca.cert,
    settings: named,
    decide: (_path, { uid }) => {
      if (uid !== 'uid-1') throw new Error('decided');
      return { outcome: 'allowed', warnings: [], problems: [] };
    },
  });
  for (const tls of [apiServer, byDns]) t.equal((await send(port, path, { body, tls })).status, 200);
  t.match(await send(port, path, { body: review(plainWorkload, { uid: 'other' }), tls: other }), {
    status: 403,
    text: /clientNames/,
  });
  t.equal((await send(port, '/healthz', { method: 'GET', tls: other })).status, 200);
  t.match(await metrics(), /requests_total\{path="\/mutate\/workloads",operation="",outcome="forbidden"\} 1/);
});

test('no session is resumed when callers must show a certificate', async (t) => {
  for (const [clientCa, resumed] of [
    [ca.cert, false],
    [undefined, true],
  ] as const) {
    const { port } = await run(t, { clientCa });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await dial(port, { ...apiServer, maxVersion });
      first.write(post(path, body));
      await received(first, /\}$/);
      const session = first.getSession();
      first.destroy();
      const again = await dial(port, {
        ...apiServer,
        maxVersion,
        ...(session === undefined ? {} : { session }),
      });
      t.equal(
        again.isSessionReused(),
        resumed,
        `${maxVersion} ${clientCa === undefined ? 'without' : 'with'} a client CA`,
      );
      const closed = once(again, 'close');
      again.destroy();
      await closed;
    }
  }
});

test('another client CA counts from the next handshake on', async (t) => {
  const { port, webhook } = await run(t, { clientCa: ca.cert });
  const next = certificate('next');
  webhook.renew(await sharedPair(), next.cert);
  t.equal(
    (await send(port, path, { body, tls: certificate('kube-apiserver', { issuer: next }) })).status,
    200,
  );
  await t.rejects(send(port, path, { body, tls: apiServer }));
});
