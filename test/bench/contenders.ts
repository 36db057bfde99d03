/** Ours and the bare server, side by side, both seen to answer the same review with answers of the same size. */
import { textAt } from '../../src/model/json.ts';
import { openConnection, post, type Endpoint } from './connection.ts';
import { branchReview } from './reviews.ts';
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

/** Starts both for reviews of so many bytes. @throws Error when ours does not answer with a patch. */
export async function startContenders(site: Site, reviewBytes: number): Promise<Contenders> {
  const request = post('/mutate/workloads?timeout=5s', branchReview(reviewBytes));
  const ours = await startOurs(site);
  const answerBytes = await patchedAnswerBytes(ours.endpoint, request);
  const bare = await startBare(site, answerBytes);
  const contender = (name: Contender['name'], server: Server): Contender => ({ name, server, endpoint: server.endpoint, request });
  return {
    ours: contender('ours', ours),
    bare: contender('bare', bare),
    async close() {
      await Promise.all([ours.process.kill(), bare.process.kill()]);
    },
  };
}

async function patchedAnswerBytes(endpoint: Endpoint, request: Buffer): Promise<number> {
  const connection = await openConnection(endpoint);
  const { status, body } = await connection.send(request);
  connection.close();
  const patch = textAt(JSON.parse(body.toString()), 'response', 'patch');
  if (status !== 200 || patch === undefined) throw new Error(`a patch was expected, not ${status} ${body.toString()}`);
  return body.length;
}
