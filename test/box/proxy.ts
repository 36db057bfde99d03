/** One Envoy of a mesh: started, asked, ended. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request as openHttp, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { ArtifactPaths } from './binaries.ts';
import type { Echo } from './echo.ts';
import { adminPort, bootstrapOf, envoyCommand, type ProxyIdentity } from './mesh-programs.ts';
import { startDaemon, waitUntilReady } from './process.ts';
import { at, isObject, textAt } from '../../src/model/json.ts';

/** A request as the app beside the sidecar makes it, or a client of the gateway. */
export interface ProxyRequest {
  readonly host: string;
  /** `/` by default; with the query. */
  readonly path?: string;
  readonly method?: string;
  /** In order; a name may repeat. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Which of the proxy's ports is asked; by default that of `host`, else the proxy's first. */
  readonly port?: number;
}

/** What came back. The fields of the app are undefined when the proxy answered by itself. */
export interface Reply {
  readonly status: number;
  readonly service: string | undefined;
  readonly version: string | undefined;
  /** The headers that the app received. */
  readonly headers: Readonly<Record<string, string>>;
  /** Everything that the app said. */
  readonly echo: Echo | undefined;
  readonly responseHeaders: IncomingMessage['headers'];
  readonly body: string;
}

/** A running Envoy. */
export interface Proxy extends ProxyIdentity {
  /** @throws Error when the connection breaks; any answer is returned, whatever its status. */
  send(request: ProxyRequest): Promise<Reply>;
  /** Returns what Envoy's admin interface says, e.g. of `/config_dump?include_eds`. JSON is parsed. */
  admin(path: string): Promise<unknown>;
  logTail(lines?: number): string;
  /** Ends it. Safe to call twice. */
  stop(): Promise<void>;
}

/** How long a request through a proxy may take, in milliseconds: far more than any of Envoy's retries. */
const requestTimeoutMs = 15_000;

/**
 * Starts an Envoy and resolves when it is live, which it is once it has its clusters and routes: one whose gateway port no Gateway serves never is, so make the Gateway first.
 * @throws Error with its last lines when it does not start; it is ended first.
 */
export async function startProxy(
  identity: ProxyIdentity,
  paths: ArtifactPaths<'envoy'>,
  folder: string,
): Promise<Proxy> {
  const name = `envoy-${identity.namespace}-${identity.name}`;
  const bootstrap = join(folder, `${name}.json`);
  await writeFile(bootstrap, JSON.stringify(bootstrapOf(identity)));
  const daemon = startDaemon({ name, command: envoyCommand(paths, bootstrap), folder });
  const agent = new Agent({ keepAlive: true });
  const admin = async (path: string): Promise<unknown> => {
    const { body } = await exchange({
      agent,
      host: identity.address,
      port: adminPort,
      path,
      method: 'GET',
      headers: ['host', identity.address],
    });
    return parse(body);
  };
  try {
    await waitUntilReady(daemon, async () => textAt(await admin('/server_info'), 'state') === 'LIVE');
  } catch (error) {
    await daemon.kill();
    throw error;
  }
  return {
    ...identity,
    async send({
      host,
      path = '/',
      method = 'GET',
      headers = [],
      port = portOf(host) ?? identity.ports[0] ?? 80,
    }) {
      const answer = await exchange({
        agent,
        host: identity.address,
        port,
        path,
        method,
        headers: [['host', host] as const, ...headers].flat(),
      });
      const echo = parse(answer.body);
      const said = isObject(echo) && at(echo, 'pod') !== undefined ? (echo as unknown as Echo) : undefined;
      return {
        status: answer.status,
        service: said?.service,
        version: said?.version,
        headers: said?.headers ?? {},
        echo: said,
        responseHeaders: answer.headers,
        body: answer.body,
      };
    },
    admin,
    logTail: (lines) => daemon.logTail(lines),
    async stop() {
      agent.destroy();
      await daemon.kill();
    },
  };
}

function portOf(host: string): number | undefined {
  const port = /:(\d+)$/.exec(host)?.[1];
  return port === undefined ? undefined : Number(port);
}

interface Exchange {
  readonly agent: Agent;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  /** Names and values in turn, as node's raw headers. */
  readonly headers: readonly string[];
}

async function exchange({ agent, host, port, path, method, headers }: Exchange): Promise<{
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}> {
  const outgoing = openHttp({
    agent,
    host,
    port,
    path,
    method,
    headers,
    signal: AbortSignal.timeout(requestTimeoutMs),
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const body = (await response.setEncoding('utf8').toArray()).join('');
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
