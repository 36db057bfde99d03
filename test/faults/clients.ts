/** Clients that nobody wants, beside those of the API server: slow ones, broken ones, and very large reviews. None may cost an admission. */
import { randomBytes } from 'node:crypto';
import { connect as connectPlain } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { openConnection, post } from '../bench/connection.ts';
import { startSteadyLoad } from '../bench/load.ts';
import { reviewOf } from '../bench/reviews.ts';
import { startAdmissions } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import type { Replica } from './replica.ts';
import type { Site } from './site.ts';
import { counted, expectNone, type Trial } from './trial.ts';

const path = '/mutate/workloads?timeout=5s';
const MiB = 1024 * 1024;
/** Each of these, all at once, against each replica. */
const slowClients = 150;
/** Together more than `bodyBudgetBytes`. */
const stuckUploads = 20;
const seconds = 12;

/** Tries them against every replica while admissions go on through the API server. */
export async function tryClients(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  return [await slow(site, fleet), await broken(site, fleet), ...(await large(site, fleet))];
}

/** Headers and bodies that come byte by byte, uploads that stop in the middle, connections that say nothing. */
async function slow(site: Site, fleet: Fleet): Promise<Trial> {
  const sockets = await Promise.all(
    fleet
      .replicas()
      .flatMap((replica) => [
        ...many(slowClients, () => drip(replica, 'POST /mutate/workloads HTTP/1.1\r\nhost: any\r\nx-slow: ')),
        ...many(slowClients, () =>
          drip(
            replica,
            `POST ${path} HTTP/1.1\r\nhost: any\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"kind":"`,
          ),
        ),
        ...many(slowClients, () => drip(replica, '')),
        ...many(stuckUploads, () => upload(replica, 7 * MiB, 6 * MiB)),
      ]),
  );
  await sleep(500);
  const load = startAdmissions(site.box);
  await sleep(seconds * 1000);
  const result = await load.stop();
  for (const socket of sockets) socket.destroy();
  const each = fleet.replicas().length;
  return expectNone(
    'slow clients',
    result,
    `${sockets.length} at once: headers, bodies and nothing, byte by byte; ${stuckUploads * each} uploads of 6 MiB that stop, ${Math.round(stuckUploads * 6)} MiB for each replica`,
  );
}

/** Garbage before and after the handshake, connections that are reset at every point, answers that nobody reads. */
async function broken(site: Site, fleet: Fleet): Promise<Trial> {
  const load = startAdmissions(site.box);
  const review = post(path, reviewOf('branch', 8192));
  let [clients, running] = [0, true];
  const assaults: readonly ((replica: Replica) => Promise<unknown>)[] = [
    (replica) =>
      once(connectPlain({ host: replica.address, port: replica.endpoint.port }), (socket) => {
        socket.write(randomBytes(500));
      }),
    (replica) =>
      once(connectPlain({ host: replica.address, port: replica.endpoint.port }), (socket) => {
        socket.resetAndDestroy();
      }),
    (replica) => say(replica, randomBytes(2000)),
    (replica) => say(replica, Buffer.from('POST / HTTP/9.9\r\n\r\n')),
    (replica) =>
      say(
        replica,
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nhost: any\r\ncontent-type: application/json\r\ncontent-length: 12\r\ntransfer-encoding: chunked\r\n\r\n`,
        ),
      ),
    (replica) => say(replica, post(path, Buffer.from('{"kind":'))),
    (replica) => say(replica, review.subarray(0, review.length / 2)),
    (replica) => say(replica, review),
  ];
  const assault = async (replica: Replica): Promise<void> => {
    while (running) {
      for (const one of assaults) {
        await one(replica).catch(() => undefined);
        clients += 1;
      }
    }
  };
  const assaulting = Promise.all(
    fleet.replicas().map((replica) => Promise.all(many(4, () => assault(replica)))),
  );
  await sleep(seconds * 500);
  running = false;
  await assaulting;
  await sleep(500);
  return expectNone(
    'broken clients',
    await load.stop(),
    `${clients}: garbage, halves, resets in the middle of everything`,
    await dead(fleet),
  );
}

const largePerSecond = 20;

/** As large as a review gets, at a steady rate. They may be shed, which is what is counted; what is small may not suffer. */
async function large(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  const [first] = fleet.replicas();
  if (first === undefined) throw new Error('no replica');
  const request = post(path, largestReview());
  const load = startAdmissions(site.box);
  const bodies = startSteadyLoad({ endpoint: first.endpoint, request, connections: 10 }, largePerSecond);
  await sleep(seconds * 1000);
  const sent = await bodies.stop();
  const result = await load.stop();
  const sorted = sent.latenciesMs.toSorted((one, other) => one - other);
  const { peak } = await first.process.residentMb();
  return [
    counted(
      `reviews of 7 MiB, ${largePerSecond}/s, to one of two replicas`,
      sent,
      `p50 ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms; its memory never passed ${Math.round(peak)} MB (limit in the chart: 512 Mi)`,
      peak > 512 * 1.048_576 ? ['more memory than the chart gives'] : [],
    ),
    expectNone('admissions meanwhile', result, '', await dead(fleet)),
  ];
}

/** A baseline of 36 000 environment variables is scaled: almost 7 MiB of old and new object, all of it to be parsed. */
function largestReview(): Buffer {
  const review = JSON.parse(reviewOf('baseline', 8192).toString()) as {
    request: Record<
      'object' | 'oldObject',
      { spec: { template: { spec: { containers: { env: object[] }[] } } } }
    >;
  };
  const variable = (index: number): object => ({
    name: `BACKEND_${index}_URL`,
    value: `http://backend-${index}.ww-green.svc.cluster.local:8080/api/v1`,
  });
  const count = Math.floor((3.4 * MiB) / (JSON.stringify(variable(10_000)).length + 1));
  for (const which of ['object', 'oldObject'] as const)
    for (const container of review.request[which].spec.template.spec.containers.slice(0, 1))
      container.env = Array.from({ length: count }, (_unused, index) => variable(index));
  return Buffer.from(JSON.stringify(review));
}

function many<T>(count: number, make: () => T): readonly T[] {
  return Array.from({ length: count }, make);
}

async function open(replica: Replica): Promise<TLSSocket> {
  const { host, port, ca, serverName = host } = replica.endpoint;
  const socket = connect({ host, port, ca, servername: serverName });
  socket.on('error', () => undefined);
  await new Promise((resolve) => {
    socket.once('secureConnect', resolve).once('close', resolve);
  });
  return socket;
}

/** Says how it starts, and then a byte each second, for as long as the server lets it. */
async function drip(replica: Replica, start: string): Promise<TLSSocket> {
  const socket = await open(replica);
  if (start === '') return socket;
  socket.write(start);
  const timer = setInterval(() => {
    socket.write('a');
  }, 1000);
  socket.once('close', () => {
    clearInterval(timer);
  });
  return socket;
}

/** Announces so much and sends less. */
async function upload(replica: Replica, announced: number, sent: number): Promise<TLSSocket> {
  const socket = await open(replica);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: any\r\ncontent-type: application/json\r\ncontent-length: ${announced}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(sent, 0x20));
  return socket;
}

/** Says something, waits a little, and is gone without a word. */
async function say(replica: Replica, bytes: Buffer): Promise<void> {
  const socket = await open(replica);
  socket.write(bytes);
  await sleep(5);
  socket.destroy();
}

async function once(
  socket: ReturnType<typeof connectPlain>,
  act: (socket: ReturnType<typeof connectPlain>) => void,
): Promise<void> {
  socket.on('error', () => undefined);
  await new Promise((resolve) => {
    socket.once('connect', resolve).once('close', resolve);
  });
  act(socket);
  await sleep(5);
  socket.destroy();
}

/** Which replicas do not answer any more. */
async function dead(fleet: Fleet): Promise<readonly string[]> {
  const request = post(path, reviewOf('branch', 8192));
  const answers = await Promise.all(
    fleet.replicas().map(async ({ address, endpoint }) => {
      const connection = await openConnection(endpoint);
      const { status } = await connection.send(request);
      connection.close();
      return status === 200 ? [] : [`replica ${address} answers ${status}`];
    }),
  );
  return answers.flat();
}
