import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { largestAgentBytes } from '../../scripts/agent.ts';
import { defects } from './defects.ts';
import { builtAgent, guests, runNode } from './built.ts';

const { path: agent, bytes } = await builtAgent();

async function factsWith(
  env: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await runNode(agent, [join(guests, 'defects.js')], env)).stdout) as Readonly<
    Record<string, unknown>
  >;
}

const facts = await factsWith();

test('the built agent is at most 8 KB', (t) => {
  t.ok(bytes <= largestAgentBytes, `${bytes} bytes`);
  t.end();
});

const answers: readonly { readonly name: string; readonly fact: string; readonly want: unknown }[] = [
  {
    name: 'a server that was made without a listener answers, and carries',
    fact: 'stringCallback',
    want: 'v1',
  },
  { name: 'a shared headers object serves a call', fact: 'sharedObject', want: 'v1' },
  {
    name: 'a request tells of the headers that the application gave: what follows a redirect takes those along',
    fact: 'toldHeaders',
    want: ['x-own', 'host'],
  },
  { name: 'a header that the application gives to fetch stays', fact: 'fetchOwn', want: 'mine' },
  { name: 'a header in an array stays', fact: 'ownInList', want: 'mine' },
  { name: 'a function that was imported by its name carries', fact: 'namedImport', want: 'v1' },
  { name: 'the next request on the connection starts clean', fact: 'afterwards', want: null },
  { name: 'two ids are none', fact: 'twoIds', want: null },
  { name: 'an id that is too long is dropped, not cut', fact: 'tooLong', want: null },
  { name: 'an id in another alphabet is dropped', fact: 'latin', want: null },
];
for (const { name, fact, want } of answers)
  test(name, (t) => {
    t.same(facts[fact], want);
    t.end();
  });

for (const { name, fact, want } of defects)
  test(`hpropagate ${name}; the agent does not`, (t) => {
    t.same(facts[fact], want);
    t.end();
  });

test('hpropagate repeats x-correlation-id in every response and makes one for every request; the agent does so when asked', async (t) => {
  const headersOf = async (env: Readonly<Record<string, string>>): Promise<object> =>
    (await factsWith(env))['response'] as object;
  t.notOk(
    Object.hasOwn(await headersOf({ BRANCHLINE_AGENT_GENERATE: 'x-correlation-id' }), 'x-correlation-id'),
  );
  t.ok(
    Object.hasOwn(
      await headersOf({ BRANCHLINE_AGENT_GENERATE: 'x-correlation-id', BRANCHLINE_AGENT_RESPONSE: 'true' }),
      'x-correlation-id',
    ),
  );
});

test('hpropagate keeps what requests carried until their connections end; the agent lets go of it', async (t) => {
  // Each carries 4 KB of its own over one connection that stays: 12 MB, if kept.
  const program = `const http = require('http');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const server = http.createServer((request, response) => { setTimeout(() => { response.end(); }); }).listen(0, '127.0.0.1', async () => {
      const send = (index) => new Promise((resolve) => { http.get({ host: '127.0.0.1', port: server.address().port, agent, headers: { baggage: index + 'x'.repeat(4000) } }, (response) => { response.resume().on('end', resolve); }); });
      for (let index = 0; index < 200; index += 1) await send(index);
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let index = 0; index < 3000; index += 1) await send(index);
      gc();
      console.log(process.memoryUsage().heapUsed - before);
      process.exit();
    });`;
  const grown = Number((await runNode(agent, ['--expose-gc', '-e', program])).stdout);
  t.ok(grown < 3_000_000, `${grown} bytes more`);
});

test('responses say nothing of what is carried, unless asked', async (t) => {
  t.notOk(((facts['response'] as object | undefined) ?? {}).hasOwnProperty('x-variant-id'));
  t.match((await factsWith({ BRANCHLINE_AGENT_RESPONSE: 'true' }))['response'], {
    'x-variant-id': 'v1',
    'x-correlation-id': 'c1',
  });
});

test('a header is made when asked and none came', async (t) => {
  const answer = (
    await factsWith({
      BRANCHLINE_AGENT_HEADERS: 'x-request-id',
      BRANCHLINE_AGENT_GENERATE: 'x-request-id',
      BRANCHLINE_AGENT_RESPONSE: 'true',
    })
  )['response'];
  t.match(answer, { 'x-request-id': /^[0-9a-f-]{36}$/ });
});

test('does nothing when disabled', async (t) => {
  const off = await factsWith({ BRANCHLINE_AGENT_DISABLED: 'true' });
  t.equal(off['urlOptionsCallback'], null);
  t.match(off['status'], { active: false });
});

test('further hosts are inside when named', async (t) => {
  t.equal((await factsWith({ BRANCHLINE_AGENT_HOSTS: 'example.com' }))['external'], 'v1');
});

test('the list is replaced, or added to', async (t) => {
  t.equal((await factsWith({ BRANCHLINE_AGENT_HEADERS: 'x-other' }))['urlOptionsCallback'], null);
  t.equal((await factsWith({ BRANCHLINE_AGENT_HEADERS: '+x-other' }))['urlOptionsCallback'], 'v1');
});

test('says where it would carry to when asked, never what', async (t) => {
  const { stderr } = await runNode(agent, [join(guests, 'defects.js')], { BRANCHLINE_AGENT_DEBUG: 'true' });
  t.match(stderr, /branchline agent: api\.example\.com is outside/);
  t.notMatch(stderr, /v1/);
});

test('prints nothing, keeps no process alive, and may be preloaded twice', async (t) => {
  const { stdout, stderr } = await runNode(agent, [
    '--require',
    agent,
    '-e',
    'console.log(Object.keys(globalThis[Symbol.for("branchline.agent")]).join())',
  ]);
  t.equal(stdout, 'version,active\n');
  t.equal(stderr, '');
});

test('carries where a tracing library wrapped the servers before', async (t) => {
  const first = join(mkdtempSync(join(tmpdir(), 'branchline-agent-first-')), 'first.cjs');
  writeFileSync(
    first,
    "for (const name of ['http', 'https']) { const { prototype } = require(name).Server; const emit = prototype.emit; prototype.emit = function () { return emit.apply(this, arguments); }; }",
  );
  const { stdout } = await runNode(agent, [join(guests, 'defects.js')], {
    NODE_OPTIONS: `--require ${first} --require ${agent}`,
  });
  t.match(JSON.parse(stdout), { urlOptionsCallback: 'v1', outside: null, afterwards: null });
});

test('a message carries what its request does, and its consumer works for nobody else', async (t) => {
  const library = join(mkdtempSync(join(tmpdir(), 'branchline-agent-queue-')), 'channel_model.js');
  writeFileSync(
    library,
    `exports.Channel = class {
    assertExchange() {}
    publish(exchange, routingKey, content, options = {}) { return this.sendMessage({}, { headers: options.headers }); }
    sendToQueue(queue, content, options) { return this.publish('', queue, content, options); }
    async consume(queue, callback) { this.registerConsumer('t', callback); }
  };`,
  );
  const { sent, seen } = JSON.parse(
    (await runNode(agent, [join(guests, 'messages.js'), library])).stdout,
  ) as Readonly<Record<string, unknown>>;
  t.same(sent, [{ own: '1', variant: 'v1' }, { variant: 'v1' }, { own: '1' }]);
  t.same(seen, ['v2', null, null, null]);
});

test('a record of kafkajs carries what its request does, and each message is consumed for nobody else', async (t) => {
  const library = join(mkdtempSync(join(tmpdir(), 'branchline-agent-kafka-')), 'kafkajs.js');
  writeFileSync(
    library,
    `exports.Kafka = class {
    producer() { const sent = []; return { sent, send: async ({ messages }) => { sent.push(messages.map(({ headers }) => headers || null)); } }; }
    consumer() { let options; return { run: async (given) => { options = given; }, deliver: (payload) => options.eachMessage(payload) }; }
  };`,
  );
  const { sent, seen } = JSON.parse(
    (await runNode(agent, [join(guests, 'kafka.js'), library])).stdout,
  ) as Readonly<Record<string, unknown>>;
  t.same(sent, [
    [{ own: '1', 'x-variant-id': 'v1' }, { 'x-variant-id': 'v1' }],
    [{ own: '1' }, null],
  ]);
  t.same(seen, ['v2', null, null, null]);
});

test('a Node that is too old is left alone', (t) => {
  const program = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '16.9.1' } }); require(${JSON.stringify(agent)}); console.log(globalThis[Symbol.for('branchline.agent')] === undefined, Object.hasOwn(require('net').Server.prototype, 'emit'))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  t.equal(stdout, 'true false\n', stderr);
  t.end();
});

test('starts no context storage before a request carries something', async (t) => {
  const program =
    'const h=require("http");const s=h.createServer((q,r)=>r.end()).listen(0,"127.0.0.1",()=>h.get({port:s.address().port,host:"127.0.0.1"},(r)=>{r.resume().on("end",()=>{console.log(process.moduleLoadList.includes("NativeModule http2"));process.exit()})}))';
  t.equal((await runNode(agent, ['-e', program])).stdout, 'false\n');
});
