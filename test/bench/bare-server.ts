/**
 * The least that a webhook in Node can be, to measure ours against: `node:https`, the same TLS, the body parsed by JSON.parse, and an AdmissionReview
 * of a given size in answer. It decides, checks, logs and counts nothing. `node bare-server.ts FOLDER ANSWER-BYTES`; FOLDER holds tls.crt and tls.key.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { secureContextOptions } from '../../src/webhook/callers.ts';

const [folder = '.', answerBytes = '0'] = process.argv.slice(2);
const pair = {
  cert: readFileSync(join(folder, 'tls.crt'), 'utf8'),
  key: readFileSync(join(folder, 'tls.key'), 'utf8'),
  expires: 0,
};

function render(uid: string, patch: string): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true, patchType: 'JSONPatch', patch },
  });
}

const frameBytes = render('00000000-0000-0000-0000-000000000000', '').length;
const patch = 'A'.repeat(Math.max(0, Number(answerBytes) - frameBytes));

const server = createServer(
  { ...secureContextOptions(pair, { ca: undefined, names: [] }), keepAliveTimeout: 300_000 },
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
    });
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string } };
      const text = render(review.request.uid, patch);
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
        .end(text);
    });
  },
);

server.listen(0, '127.0.0.1', () => {
  process.stderr.write(`bare https://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
