/** A service that knows nothing of branches: it answers with the header that it was asked with, and with what the next one answered. Run as a process of its own. */
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';

const { NEXT } = process.env;

const server = createServer((request, response) => {
  const seen = { variant: request.headers['x-variant-id'] ?? '', title: process.title };
  if (NEXT === undefined) {
    response.end(JSON.stringify([seen]));
    return;
  }
  get(NEXT, (answer) => {
    void answer
      .setEncoding('utf8')
      .toArray()
      .then((parts: string[]) => {
        response.end(JSON.stringify([seen, ...(JSON.parse(parts.join('')) as object[])]));
      });
  });
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
