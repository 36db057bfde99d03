import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { test } from 'tap';
import { dial, plainWorkload, post, received, review, run, send } from './harness.ts';

const mutate = '/mutate/workloads';
const body = review(plainWorkload);
/** Longer than any machine takes to answer: what is not answered hangs. */
const graceMs = 3_600_000;

test('while it drains every answer is the last on its connection, and everything is still answered', async (t) => {
  const { port, webhook } = await run(t);
  const before = await dial(port);
  t.teardown(() => before.destroy());
  before.write(post(mutate, body));
  t.notMatch(await received(before, /\}$/), /connection: close/i);
  webhook.drain();
  before.removeAllListeners('data');
  before.write(post(mutate, body));
  const closed = once(before, 'close');
  t.match(await received(before, /\}$/), /HTTP\/1\.1 200 .*connection: close.*"allowed":true/is);
  await closed;
  t.match(
    await send(port, mutate, { body }),
    { status: 200, headers: { connection: 'close' } },
    'new connections too',
  );
  t.match(await send(port, '/elsewhere'), { status: 404, headers: { connection: 'close' } }, 'and refusals');
  t.match(await send(port, mutate, { body: 'x' }), { status: 400, headers: { connection: 'close' } });
});

test('a pool of connections under load loses no request while the server drains and closes', async (t) => {
  const { port, webhook } = await run(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  t.teardown(() => {
    agent.destroy();
  });
  const statuses = new Map<number | string, number>();
  let isStopping = false;
  const client = async (): Promise<void> => {
    while (!isStopping) {
      const outcome = await send(port, mutate, { body, agent }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 16 }, client);
  const answered = async (count: number): Promise<void> => {
    while ((statuses.get(200) ?? 0) < count) await new Promise(setImmediate);
  };
  await answered(200);
  webhook.drain();
  await answered(600);
  // What takes a server out of a Service: its clients stop coming, while their last requests are on their way.
  isStopping = true;
  await webhook.close(graceMs);
  await Promise.all(clients);
  // Who had not connected by then finds nobody listening, which a Service without this server spares its clients.
  statuses.delete('ECONNREFUSED');
  t.same([...statuses.keys()], [200], JSON.stringify([...statuses]));
});

test('a request in flight when the server closes is finished', async (t) => {
  const { port, webhook, metrics } = await run(t);
  const socket = await dial(port);
  socket.write(post(mutate, body).slice(0, -10));
  while (!(await metrics()).includes('in_flight{path="/mutate/workloads"} 1'));
  const closed = webhook.close(graceMs);
  socket.write(body.slice(-10));
  t.match(await received(socket, /\}$/), /HTTP\/1\.1 200 .*connection: close.*"allowed":true/is);
  await closed;
});

test('whoever has just connected when the server closes is answered', async (t) => {
  const { port, webhook } = await run(t);
  const sockets = await Promise.all(Array.from({ length: 10 }, () => dial(port)));
  const closed = webhook.close(graceMs);
  const answers = sockets.map((socket) => received(socket, /\}$/));
  sockets.forEach((socket) => socket.write(post(mutate, body)));
  for (const answer of await Promise.all(answers)) t.match(answer, /HTTP\/1\.1 200/);
  await closed;
});

test('clients that hold connections open do not hold up the end', async (t) => {
  const { port, webhook } = await run(t, { settings: { keepAliveSeconds: 300 } });
  const idle = await dial(port);
  idle.write(post(mutate, body));
  await received(idle, /\}$/);
  const raw = connect(port, '127.0.0.1');
  await once(raw, 'connect');
  const holders = [idle, raw, await dial(port)];
  for (const holder of holders) holder.on('error', () => undefined);
  const ends = holders.map(
    (holder) =>
      new Promise((resolve) => {
        holder.once('close', resolve);
      }),
  );
  // Waiting for them would take the whole grace, and the runner would end it.
  await webhook.close(graceMs);
  await Promise.all(ends);
});

test('a request that never ends is cut off when the grace is over', async (t) => {
  const { port, webhook, metrics } = await run(t);
  const socket = await dial(port);
  socket.on('error', () => undefined);
  socket.write(post(mutate, body).slice(0, -10));
  while (!(await metrics()).includes('in_flight{path="/mutate/workloads"} 1'));
  const ended = new Promise((resolve) => {
    socket.once('close', resolve);
  });
  await webhook.close(200);
  await ended;
  t.ok(socket.destroyed);
});

test('closing twice, or before anybody came, is fine', async (t) => {
  const { webhook } = await run(t);
  await Promise.all([webhook.close(graceMs), webhook.close(graceMs)]);
  await webhook.close(graceMs);
  await t.rejects(fetch(`${webhook.plainUrl}/healthz`));
});
