import { test } from 'tap';
import { join } from 'node:path';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { builtAgent, guests } from './built.ts';
import { runGuest } from './run-guest.ts';

const { path: agent } = await builtAgent();
const pair = mkdtempSync(join(tmpdir(), 'branchline-agent-pair-'));
await ensureSelfMadePair(pair, ['localhost', '127.0.0.1'], Date.now());
// What this checkout has: the rest is in the matrix (`npm run test:agent`).
const rows = (
  await runGuest({
    node: process.execPath,
    program: [join(guests, 'main.js')],
    preloads: [agent],
    options: { pair },
  })
).filter(({ absent }) => absent === undefined);

test('sixty requests at once, every fourth without a header, through clients with full pools and through every server', (t) => {
  t.ok(rows.length > 30, `${rows.length} clients and servers`);
  for (const row of rows) t.match(row, { wrong: 0, lost: 0, right: row.of }, row.name);
  t.end();
});
