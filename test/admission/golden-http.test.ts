/** Every golden case once more over TLS: what goes over the wire is what the pure decision said. */
import { Agent, request } from 'node:https';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import { decodeReview, encodeReview } from '../../src/admission/review.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { openCertificates } from '../../src/webhook/certificates.ts';
import { startWebhook } from '../../src/webhook/server.ts';
import { readCases, settingsWith, type Case } from './golden.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent };

test('every golden case has the same answer over TLS', async (t) => {
  const folder = t.testdir();
  const settings = settingsWith({ listenPort: 0, plainPort: 0, certDirectory: join(folder, 'certs') });
  const certificates = await openCertificates(settings, Date.now(), silent);
  const cases = readCases();
  let current = cases[0] as Case;
  const webhook = await startWebhook({
    settings,
    facts: () => current,
    log,
    metrics: createMetrics(() => []),
    pair: certificates.current,
    clientCa: undefined,
    unready: () => [],
  });
  t.teardown(() => webhook.close(1000));
  const agent = new Agent({ keepAlive: true, ca: await readFile(join(folder, 'certs/ca.crt')) });
  t.teardown(() => {
    agent.destroy();
  });
  for (const one of cases) {
    current = one;
    const review = decodeReview(structuredClone(one.body));
    if (typeof review === 'string') throw new Error(review);
    const expected = encodeReview(review, decide(one.path, review, one), (text) =>
      Buffer.from(text).toString('base64'),
    );
    const answer = await post(agent, `${webhook.url}${one.path}?timeout=10s`, JSON.stringify(one.body));
    t.equal(answer.status, 200);
    t.same(JSON.parse(answer.text), JSON.parse(JSON.stringify(expected)), one.name);
  }
});

function post(agent: Agent, url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
      response
        .setEncoding('utf8')
        .toArray()
        .then((parts) => {
          resolve({ status: response.statusCode ?? 0, text: parts.join('') });
        }, reject);
    })
      .on('error', reject)
      .end(body);
  });
}
