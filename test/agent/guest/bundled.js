// An application in one CommonJS file with undici in it, as bundlers make them (so nothing is awaited at its top): prints what `main.js` prints.
import http from 'node:http';
import { Agent, Pool, request } from 'undici6';
import { startDownstream, listen } from './downstream.js';
import { sendHttp } from './servers.js';

async function run() {
  const down = await startDownstream(undefined);
  const pool = new Pool(down.http, { connections: 2 });
  const agent = new Agent({ connections: 2 });
  const clients = {
    'bundled undici Pool of 2': async () => (await pool.request({ path: '/', method: 'GET' })).body.json(),
    'bundled undici Agent of 2': async () => (await request(down.http, { dispatcher: agent })).body.json(),
    fetch: async () => (await fetch(down.http)).json(),
  };
  let call;
  const send = sendHttp(
    await listen(
      http.createServer((incoming, response) => {
        incoming.resume().on('end', async () => {
          response.end(JSON.stringify(await call()));
        });
      }),
    ),
  );
  const rows = [];
  for (const [name, client] of Object.entries(clients)) {
    call = client;
    const sent = Array.from({ length: 60 }, (_, index) => (index % 4 === 3 ? undefined : `v-${index}`));
    const got = (
      await Promise.all(sent.map((id) => send(id === undefined ? {} : { 'x-variant-id': id })))
    ).map((headers) => headers['x-variant-id']);
    const right = got.filter((id, index) => id === sent[index]).length;
    const lost = got.filter((id, index) => id === undefined && sent[index] !== undefined).length;
    rows.push({
      kind: 'client',
      name,
      right,
      lost,
      wrong: sent.length - right - lost,
      traced: 0,
      of: sent.length,
    });
  }
  process.stdout.write(JSON.stringify(rows), () => {
    process.exit();
  });
}

void run();
