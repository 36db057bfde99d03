/** The chat endpoint: requests in the shapes that Slack sends, signed with a test secret; Slack's own API is a server in this process. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createHmac } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { messageOf, wordsOf } from '../../src/commands/chat-words.ts';
import { runProgram } from '../../src/commands/program.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { startApiDouble, type ApiDouble } from './api-double.ts';
import { run } from './run.ts';
import { branch, control, tenants } from './tenant.ts';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';
/** Ada in the channel where branches are talked about. @see https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling */
const slash = {
  token: 'gIkuvaNzQIHg97ATvDxqgjtO',
  team_id: 'T0001',
  team_domain: 'example',
  channel_id: 'C2147483705',
  channel_name: 'branches',
  user_id: 'U2147483697',
  user_name: 'ada',
  command: '/branchline',
  api_app_id: 'A123456',
  is_enterprise_install: 'false',
  response_url: 'https://hooks.slack.example/commands/1234/5678',
  trigger_id: '13345224609.738474920.8088930838d88f008e0',
};

interface Posted {
  readonly method: string;
  readonly body: Readonly<Record<string, string>>;
}

interface Chat {
  readonly api: ApiDouble;
  readonly posted: Posted[];
  /** Resolves when Slack was told something that matches. */
  readonly told: (pattern: RegExp) => Promise<string>;
  readonly send: (body: string, changes?: Sending) => Promise<{ status: number; text: string }>;
  readonly ask: (
    text: string,
    changes?: Readonly<Record<string, string>>,
  ) => Promise<{ status: number; text: string }>;
}

interface Sending {
  readonly secret?: string;
  readonly secondsAgo?: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function opened(
  t: Test,
  flags: readonly string[] = ['--chat-namespaces', 'ww-green'],
  objects: readonly JsonObject[] = [],
): Promise<Chat> {
  const api = await startApiDouble([...tenants(), ...objects]);
  api.react = control;
  control(undefined, api);
  const posted: Posted[] = [];
  const listeners = new Set<() => void>();
  const slack = createServer((request, response) => {
    void request
      .setEncoding('utf8')
      .toArray()
      .then((chunks) => {
        posted.push({
          method: (request.url ?? '').split('/').at(-1) ?? '',
          body: Object.fromEntries(new URLSearchParams(chunks.join(''))),
        });
        response.writeHead(200, { 'content-type': 'application/json' }).end(
          JSON.stringify({
            ok: true,
            ts: `1.${posted.length}`,
            bot_id: 'B1',
            user_id: 'UBOT',
            team_id: 'T0001',
            user: 'branchline',
          }),
        );
        listeners.forEach((listener) => {
          listener();
        });
      });
  }).listen(0, '127.0.0.1');
  await once(slack, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'chat-'));
  writeFileSync(join(folder, 'secret'), `${secret}\n`);
  writeFileSync(join(folder, 'token'), 'xoxb-test\n');
  const stop = new AbortController();
  const address = Promise.withResolvers<string>();
  const ended = runProgram(
    [
      'chat',
      '--kubeconfig',
      api.kubeconfig,
      '--chat-signing-secret-file',
      join(folder, 'secret'),
      '--chat-token-file',
      join(folder, 'token'),
      '--chat-port',
      '0',
      '--log-level',
      'fatal',
      '--settle-milliseconds',
      '0',
      '--chat-users',
      slash.user_id,
      '--chat-channels',
      slash.channel_id,
      '--chat-api-url',
      `http://127.0.0.1:${(slack.address() as AddressInfo).port}/api/`,
      ...flags,
    ],
    '1.2.3',
    {
      environment: {},
      out: () => undefined,
      stdin: (async function* none() {
        /* nobody types */
      })(),
      isTerminal: false,
      stop: stop.signal,
      err(text) {
        const [found] = /http:\S+/.exec(text) ?? [];
        if (found !== undefined) address.resolve(found);
      },
    },
  );
  const url = await address.promise;
  t.teardown(async () => {
    stop.abort();
    await ended;
    slack.closeAllConnections();
    slack.close();
    await api.close();
  });
  const send = async (
    body: string,
    {
      secret: key = secret,
      secondsAgo = 0,
      type = 'application/x-www-form-urlencoded',
      headers = {},
    }: Sending = {},
  ): Promise<{ status: number; text: string }> => {
    const stamp = String(Math.floor(Date.now() / 1000) - secondsAgo);
    const signature = `v0=${createHmac('sha256', key).update(`v0:${stamp}:${body}`).digest('hex')}`;
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': type,
        'x-slack-request-timestamp': stamp,
        'x-slack-signature': signature,
        ...headers,
      },
    });
    return { status: answer.status, text: await answer.text() };
  };
  return {
    api,
    posted,
    send,
    ask: (text, changes = {}) => send(new URLSearchParams({ ...slash, ...changes, text }).toString()),
    told: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = posted.map(({ body }) => body['text'] ?? '').find((text) => pattern.test(text));
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
  };
}

const mention = (text: string, id: string, user = slash.user_id): string =>
  JSON.stringify({
    token: 'z',
    team_id: 'T0001',
    api_app_id: 'A123456',
    type: 'event_callback',
    event_id: id,
    event_time: 1_515_449_522,
    authorizations: [{ team_id: 'T0001', user_id: 'UBOT', is_bot: true }],
    event: {
      type: 'app_mention',
      user,
      text,
      ts: '1515449522.000016',
      channel: slash.channel_id,
      event_ts: '1515449522000016',
    },
  });

test('a slash command deploys, and the thread has progress and the URL', async (t) => {
  const chat = await opened(t);
  const answer = await chat.ask('deploy fact-find-ui,fact-find ww-green OPS-1234 —ttl 12h');
  t.same(answer, { status: 200, text: '' });
  const end = await chat.told(/<https:\/\/ops-1234\.ww-green\.example\.io\/fact-find-ui>/);
  t.match(end, '<https://ops-1234.ww-green.example.io/fact-find>');
  const messages = chat.posted.filter(({ method }) => method === 'chat.postMessage').map(({ body }) => body);
  t.match(messages[0], {
    channel: slash.channel_id,
    text: '<@U2147483697>: /branchline deploy fact-find-ui,fact-find ww-green OPS-1234 --ttl 12h',
  });
  t.ok(
    messages.slice(1).every(({ thread_ts: thread }) => thread !== undefined),
    'in the thread',
  );
  t.match(messages.map(({ text }) => text).join('\n'), /applied: OPS-1234 of fact-find-ui/);
  t.match(chat.api.get('deployments/ww-green/fact-find-ui-ops-1234'), {
    metadata: { annotations: { 'branchline.dev/by': 'ada', 'branchline.dev/ttl': '12h' } },
  });
});

test('a mention is answered in its thread, once', async (t) => {
  const chat = await opened(t, undefined, [branch('OPS-1')]);
  const type = 'application/json';
  t.equal((await chat.send(mention('<@UBOT> list', 'Ev1'), { type })).status, 200);
  t.match(await chat.told(/OPS-1/), /OPS-1 +fact-find-ui/);
  t.equal(
    (
      await chat.send(mention('<@UBOT> list', 'Ev1'), {
        type,
        secondsAgo: 100,
        headers: { 'x-slack-retry-num': '1' },
      })
    ).status,
    200,
  );
  t.equal((await chat.send(mention('<@UBOT> keep OPS-1', 'Ev2'), { type })).status, 200);
  await chat.told(/kept/);
  const answers = chat.posted.filter(({ method }) => method === 'chat.postMessage');
  t.equal(answers.length, 2, 'the repeated event is not answered again');
  t.ok(answers.every(({ body }) => body['thread_ts'] === '1515449522.000016'));
});

test('keep, delete and help are spoken too', async (t) => {
  const chat = await opened(t, undefined, [branch('OPS-1')]);
  await chat.ask('keep OPS-1 --for 7d');
  await chat.told(/kept until/);
  await chat.ask('delete OPS-1');
  await chat.told(/removed/);
  t.equal(chat.api.get('deployments/ww-green/fact-find-ui-ops-1'), undefined);
  await chat.ask('help');
  const help = await chat.told(/Commands:/);
  t.match(help, /deploy/);
  t.notMatch(help, /housekeep|serve|render/, 'what is local is not offered');
});

const refusals: readonly (readonly [string, string, Sending])[] = [
  ['a signature by another secret', 'text=list', { secret: 'another' }],
  ['a timestamp that is too old', 'text=list', { secondsAgo: 301 }],
  ['a timestamp from the future', 'text=list', { secondsAgo: -301 }],
  ['no timestamp', 'text=list', { headers: { 'x-slack-request-timestamp': '' } }],
  ['no signature', 'text=list', { headers: { 'x-slack-signature': '' } }],
  ['another version of signatures', 'text=list', { headers: { 'x-slack-signature': 'v1=00' } }],
];
for (const [name, text, sending] of refusals) {
  test(`refuses ${name}`, async (t) => {
    const chat = await opened(t, undefined, [branch('OPS-1')]);
    t.equal((await chat.send(new URLSearchParams({ ...slash, text }).toString(), sending)).status, 401);
    t.same(
      chat.posted.filter(({ method }) => method !== 'auth.test'),
      [],
    );
    t.same(chat.api.writes, []);
  });
}

test('refuses a request that was sent before, byte for byte', async (t) => {
  const chat = await opened(t, undefined, [branch('OPS-1')]);
  const body = new URLSearchParams({ ...slash, text: 'keep OPS-1' }).toString();
  const stamp = String(Math.floor(Date.now() / 1000));
  const headers = {
    'x-slack-request-timestamp': stamp,
    'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${stamp}:${body}`).digest('hex')}`,
  };
  t.equal((await chat.send(body, { headers })).status, 200);
  await chat.told(/kept/);
  t.equal((await chat.send(body, { headers })).status, 401);
  t.equal(chat.api.writes.length, 1);
});

test('refuses strangers, other channels and other namespaces', async (t) => {
  const chat = await opened(t, undefined, [branch('OPS-1', { namespace: 'ww-red' })]);
  t.match((await chat.ask('list', { user_id: 'U666' })).text, /You may not ask branchline/);
  t.match((await chat.ask('list', { channel_id: 'C666' })).text, /not asked in this channel/);
  t.equal(
    (await chat.send(mention('<@UBOT> delete OPS-1 -n ww-red', 'Ev9', 'U666'), { type: 'application/json' }))
      .status,
    200,
  );
  await chat.told(/You may not ask/);
  for (const text of [
    'deploy fact-find ww-red OPS-1',
    'delete OPS-1 -n ww-red',
    'list -n ww-red',
    'keep OPS-1 -n ww-green,ww-red',
  ]) {
    chat.posted.length = 0;
    await chat.ask(text);
    await chat.told(/namespace ww-red may not be asked for here; these may: ww-green/);
  }
  chat.posted.length = 0;
  await chat.ask('list --all');
  await chat.told(/no branches/);
  t.same(chat.api.writes, []);
});

test('has no flags of this machine', async (t) => {
  const chat = await opened(t);
  for (const text of [
    'list -f /etc/passwd',
    'list --kubeconfig /x',
    'list --config /x',
    'list --context other',
    'deploy fact-find ww-green X -o yaml',
    'delete X --force',
    'housekeep --force',
    'serve',
    'completion bash',
  ]) {
    chat.posted.length = 0;
    await chat.ask(text);
    t.match(await chat.told(/not understood/), /unknown (option|command)/, text);
  }
  t.same(chat.api.writes, []);
});

test('a change names its namespace where several may be asked for', async (t) => {
  const chat = await opened(
    t,
    ['--chat-namespaces', 'ww-green,ww-red'],
    [branch('OPS-1'), branch('OPS-1', { namespace: 'ww-red' })],
  );
  await chat.ask('delete OPS-1');
  await chat.told(/which namespace\? Add -n/);
  await chat.ask('delete OPS-1 -n ww-red');
  await chat.told(/in ww-red: removed/);
  t.ok(chat.api.get('deployments/ww-green/fact-find-ui-ops-1'));
});

test('chat is off until it is told whom to trust', async (t) => {
  const { code, err } = await run(['chat']);
  t.equal(code, 2);
  t.match(err, /missing: chatSigningSecretFile, chatTokenFile, chatUsers, chatChannels, chatNamespaces/);
  t.equal(
    (
      await run([
        'chat',
        '--chat-signing-secret-file',
        '/no/such',
        '--chat-token-file',
        '/no/such',
        '--chat-users',
        'U',
        '--chat-channels',
        'C',
        '--chat-namespaces',
        'n',
      ])
    ).code,
    3,
  );
});

test('a token that Slack does not take is said, and nothing is served', async (t) => {
  const slack = createServer((request, response) => {
    request.resume();
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ ok: false, error: 'invalid_auth' }));
  }).listen(0, '127.0.0.1');
  await once(slack, 'listening');
  t.teardown(() => {
    slack.closeAllConnections();
    slack.close();
  });
  const file = join(mkdtempSync(join(tmpdir(), 'chat-')), 'secret');
  writeFileSync(file, secret);
  const { code, err } = await run([
    'chat',
    '--chat-signing-secret-file',
    file,
    '--chat-token-file',
    file,
    '--chat-users',
    'U',
    '--chat-channels',
    'C',
    '--chat-namespaces',
    'n',
    '--chat-port',
    '0',
    '--chat-api-url',
    `http://127.0.0.1:${(slack.address() as AddressInfo).port}/`,
  ]);
  t.equal(code, 3);
  t.match(err, /Slack does not take the token, or cannot be reached: .*invalid_auth/);
  t.notMatch(err, secret);
});

test('words are what a shell would make of them, with what Slack and phones do to them undone', (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['<@U1> deploy a b c', ['deploy', 'a', 'b', 'c']],
    ['<@U1|bot>: list', ['list']],
    ['deploy a b c –wait', ['deploy', 'a', 'b', 'c', '--wait']],
    ['--env “A=b c”', ['--env', 'A=b c']],
    ['--env \'A="x"\'', ['--env', 'A="x"']],
    ["--env A='b c'd", ['--env', 'A=b cd']],
    [
      '--image <http://registry.example.io/a:b|registry.example.io/a:b>',
      ['--image', 'registry.example.io/a:b'],
    ],
    ['a &amp;&amp; b &lt;c&gt;', ['a', '&&', 'b', '<c>']],
    ['$(rm -rf /) `x`', ['$(rm', '-rf', '/)', '`x`']],
    ['   ', []],
    ['x —', ['x', '—']],
  ];
  for (const [text, words] of rows) t.same(wordsOf(text), words, text);
  t.equal(
    messageOf('a <b> & ```c\nhttps://x.example.io/a\n'),
    "```\na &lt;b&gt; &amp; '''c\n```\n<https://x.example.io/a>",
  );
  t.ok(messageOf('x'.repeat(100_000)).length < 4000);
  t.end();
});

test("without Slack's library it says what is missing and where to run it", (t) => {
  const withoutIt =
    "import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) { return next(name === '@slack/bolt' ? './no-such-file.js' : name, context); } });";
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(withoutIt)}`,
      join(import.meta.dirname, '../../src/main.ts'),
      'chat',
    ],
    { encoding: 'utf8' },
  );
  t.equal(status, 3, stderr);
  t.match(stderr, /slack-bolt\.js.*--target chat/);
  t.end();
});
