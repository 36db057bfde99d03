import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { createLog } from '../../src/telemetry/log.ts';

const log = JSON.stringify(join(import.meta.dirname, '../../src/telemetry/log.ts'));

/** Runs lines with `opened` in a process of its own; returns its standard output. */
async function outputOf(lines: string, pretty = false): Promise<string> {
  const script = `const opened = await (await import(${log})).openLog('info', ${pretty}); ${lines}`;
  return (
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      maxBuffer: 64 * 1024 * 1024,
    })
  ).stdout;
}

test('a line is one JSON object with its level, time and fields', async (t) => {
  const [line = '', rest] = (
    await outputOf("opened.log.info({ uid: 'u', codes: [] }, 'decided'); await opened.flush();")
  ).split('\n');
  t.equal(rest, '');
  const { time, ...fields } = JSON.parse(line) as Record<string, unknown>;
  t.same(fields, { level: 'info', uid: 'u', codes: [], msg: 'decided' });
  t.ok(!Number.isNaN(Date.parse(String(time))));
});

test('lines below the level cost nothing and say nothing', (t) => {
  const lines: string[] = [];
  const opened = createLog('warn', {
    write: (line) => {
      lines.push(line);
    },
  });
  opened.log.info('quiet');
  opened.log.warn('loud');
  t.equal(lines.length, 1);
  t.end();
});

test('no line is lost when the process ends: flushed, by itself, or without asking', async (t) => {
  const many =
    "for (let i = 0; i < 5000; i += 1) opened.log.info({ i, text: 'ü'.repeat(i % 300) }, 'x'); opened.log.info({ long: 'x'.repeat(100_000) }, 'last');";
  for (const end of ['await opened.flush(); process.exit(0);', '']) {
    const output = await outputOf(many + end);
    const lines = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { i?: number; msg: string });
    t.equal(lines.length, 5001, end);
    t.ok(
      lines.slice(0, 5000).every(({ i }, index) => i === index),
      `in order: ${end}`,
    );
    t.equal(lines.at(-1)?.msg, 'last');
  }
  const few = "for (let i = 0; i < 20; i += 1) opened.log.info({ i }, 'x'); process.exit(0);";
  t.equal((await outputOf(few)).split('\n').length, 21);
});

test('lines are written soon, also when few come', async (t) => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const opened = await (await import(${log})).openLog('info', false); opened.log.info('one'); process.stdin.resume();`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  t.match(chunk.toString(), '"msg":"one"');
  child.stdin.end();
  await once(child, 'exit');
});

test('a reader that goes away does not end the process', async (t) => {
  const script = `const opened = await (await import(${log})).openLog('info', false); process.stdin.resume(); process.stdin.once('data', async () => { for (let i = 0; i < 5000; i += 1) opened.log.info('x'); await opened.flush(); process.stderr.write('alive'); process.stdin.destroy(); });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  child.stdin.end('go');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'exit')) as [number];
  t.same([code, said], [0, 'alive']);
});

test('people at a terminal get words', async (t) => {
  const output = await outputOf("opened.log.info({ uid: 'u' }, 'decided'); await opened.flush();", true);
  t.match(output, /INFO.*decided.*u/);
  t.throws(() => JSON.parse(output) as unknown);
});
