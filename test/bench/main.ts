/**
 * What the webhook costs, measured: `npm run bench`, or `node test/bench/main.ts throughput steady start memory fuzz plan routes agent api-server` for some of it. Takes some five
 * minutes. A goal that is missed is shown and is no error: machines differ, and others work on them.
 */
import { cpus } from 'node:os';
import { agent } from './agent.ts';
import { apiServer } from './api-server.ts';
import { fuzz } from './fuzz.ts';
import { memory } from './memory.ts';
import { plan } from './plan.ts';
import { routes } from './routes.ts';
import { prepareSite, type Site } from './site.ts';
import { startUp } from './start-up.ts';
import { steady } from './steady.ts';
import { throughput } from './throughput.ts';

const sections: Readonly<Record<string, (site: Site) => string | Promise<string>>> = {
  throughput,
  steady,
  start: startUp,
  memory,
  fuzz,
  plan,
  routes,
  agent,
  'api-server': apiServer,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in sections));
if (unknown.length > 0)
  throw new Error(`no section ${unknown.join(', ')}; there are ${Object.keys(sections).join(', ')}`);

const site = await prepareSite();
try {
  const { server, loader } = site.cores;
  const places =
    server === undefined ? 'not pinned to cores' : `server on core ${server}, loader on core ${loader ?? ''}`;
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, node ${process.version}, ${places}`,
  );
  for (const [name, measure] of Object.entries(sections))
    if (wanted.length === 0 || wanted.includes(name)) console.log(await measure(site));
} finally {
  await site.remove();
}
