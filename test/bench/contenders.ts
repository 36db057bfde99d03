/** Ours and the bare server, side by side, both seen to answer the same review with answers of the same size. */
import { at, textAt } from '../../src/model/json.ts';
import { openConnection, post, type Endpoint } from './connection.ts';
import { reviewOf, type Subject } from './reviews.ts';
import { startBare, startOurs, type Server, type Site } from './site.ts';

/** A running server and what to send it. */
export interface Contender {
  readonly name: 'ours' | 'bare';
  readonly server: Server;
  readonly endpoint: Endpoint;
  /** Bytes of the request. */
  readonly request: Buffer;
}

/** Both servers. */
export interface Contenders {
  readonly ours: Contender;
  readonly bare: Contender;
  close(): Promise<void>;
}

/** Starts both for reviews of so many bytes. @throws Error when ours does not answer as it must. */
export async function startContenders(
  site: Site,
  subject: Subject,
  reviewBytes: number,
): Promise<Contenders> {
  const request = post('/mutate/workloads?timeout=5s', reviewOf(subject, reviewBytes));
  const ours = await startOurs(site);
  const answerBytes = await answerBytesOf(ours.endpoint, request, subject === 'branch');
  const bare = await startBare(site, answerBytes);
  const contender = (name: Contender['name'], server: Server): Contender => ({
    name,
    server,
    endpoint: server.endpoint,
    request,
  });
  return {
    ours: contender('ours', ours),
    bare: contender('bare', bare),
    async close() {
      await Promise.all([ours.process.kill(), bare.process.kill()]);
    },
  };
}

async function answerBytesOf(endpoint: Endpoint, request: Buffer, isPatched: boolean): Promise<number> {
  const connection = await openConnection(endpoint);
  const { status, body } = await connection.send(request);
  connection.close();
  const answer: unknown = JSON.parse(body.toString());
  const isRight =
    at(answer, 'response', 'allowed') === true &&
    (textAt(answer, 'response', 'patch') !== undefined) === isPatched;
  if (status !== 200 || !isRight)
    throw new Error(
      `${isPatched ? 'a patch' : 'a plain yes'} was expected, not ${status} ${body.toString()}`,
    );
  return body.length;
}
