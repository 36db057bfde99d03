/** What `npm start` prints is run as it stands, by a shell, with plain curl. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { promisify } from 'node:util';
import jsonPatch from 'fast-json-patch';
import { readFile } from 'node:fs/promises';
import { test } from 'tap';

const root = join(import.meta.dirname, '..');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

interface Answer {
  readonly response: {
    readonly allowed: boolean;
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly message: string };
  };
}

test(
  'npm start serves the example tenant, and what it says to try works',
  { skip: hasCurl ? false : 'curl is not on this machine' },
  async (t) => {
    const certs = await mkdtemp(join(tmpdir(), 'certs-'));
    t.teardown(() => rm(certs, { recursive: true, force: true }));
    const env = {
      ...process.env,
      BRANCHLINE_LISTEN_PORT: '0',
      BRANCHLINE_PLAIN_PORT: '0',
      BRANCHLINE_CERT_DIRECTORY: certs,
      BRANCHLINE_LOG_LEVEL: 'warn',
    };
    const child = spawn('npm', ['start'], {
      cwd: root,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const commands = (): readonly string[] =>
      printed
        .split('\n')
        .filter((line) => line.trim().startsWith('curl '))
        .map((line) => line.trim());
    const route = '+ ww-green/fact-find-ui OPS-1234: x-variant-id: OPS-1234 or ops-1234';
    while (commands().length < 3 || !printed.includes(route)) {
      await Promise.race([
        once(child.stderr, 'data'),
        once(child, 'exit').then(() => {
          throw new Error(`npm start ended:\n${printed}`);
        }),
      ]);
    }
    const ask = async (command: string): Promise<Answer> =>
      JSON.parse((await promisify(execFile)('sh', ['-c', command], { cwd: root })).stdout) as Answer;
    const [branch, regex, copy] = await Promise.all(commands().map(ask));

    const { request } = JSON.parse(
      await readFile(join(root, 'examples/reviews/fact-find-ui-ops-1234.json'), 'utf8'),
    ) as { request: { object: unknown } };
    const patch = JSON.parse(Buffer.from(branch?.response.patch ?? '', 'base64').toString()) as Parameters<
      typeof jsonPatch.applyPatch
    >[1];
    const after = jsonPatch.applyPatch(structuredClone(request.object), patch, true).newDocument as {
      spec: { selector: unknown };
    };
    t.same(
      after.spec.selector,
      { matchLabels: { app: 'fact-find-ui', version: 'OPS-1234' } },
      'the patch applies',
    );
    t.match(
      branch?.response.warnings?.[0],
      'https://ops-1234.ww-green.example.io/fact-find-ui once ready; expires in 3d',
    );
    t.notOk(regex?.response.allowed);
    t.match(regex?.response.status?.message, /look-?ahead/i);
    t.notOk(copy?.response.allowed);
    t.match(copy?.response.status?.message, 'BL105');

    const ended = once(child, 'exit');
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await ended;
  },
);
