import { test } from 'tap';
import { reviewPaths } from '../../src/admission/decide.ts';
import { allow } from '../../src/admission/decision.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import {
  branchWorkload,
  dial,
  plainWorkload,
  post,
  readAnswer,
  received,
  review,
  run,
  send,
  settingsWith,
} from './harness.ts';

const mutate = '/mutate/workloads';

test('every path answers a review with an AdmissionReview that echoes its uid and version', async (t) => {
  const { port } = await run(t);
  for (const path of reviewPaths) {
    for (const version of ['v1', 'v1beta1']) {
      const answer = await send(port, `${path}?timeout=10s`, {
        body: review(plainWorkload).replace('admission.k8s.io/v1', `admission.k8s.io/${version}`),
      });
      t.equal(answer.status, 200, path);
      t.equal(answer.headers['content-type'], 'application/json');
      t.match(readAnswer(answer), {
        apiVersion: `admission.k8s.io/${version}`,
        kind: 'AdmissionReview',
        response: { uid: 'uid-1', allowed: true },
      });
    }
  }
});

test('reads a review whatever content type it is sent with', async (t) => {
  const { port } = await run(t);
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/octet-stream',
    'not a type',
    undefined,
  ]) {
    const answer = await send(port, mutate, {
      body: review(plainWorkload),
      headers: type === undefined ? {} : { 'content-type': type },
    });
    t.equal(answer.status, 200, type ?? 'none');
  }
});

test('says in words why a body is no review, and never repeats it', async (t) => {
  const { port, logged } = await run(t);
  const rows: readonly { name: string; body: string; want: RegExp }[] = [
    { name: 'empty', body: '', want: /body is empty/ },
    { name: 'cut', body: '{"kind":"AdmissionReview","secret":"hunter2', want: /not JSON at position 43/ },
    { name: 'no JSON', body: 'hunter2', want: /the body is not JSON/ },
    { name: 'a list', body: '["hunter2"]', want: /not a JSON object/ },
    { name: 'another kind', body: '{"kind":"hunter2"}', want: /kind is not AdmissionReview/ },
    {
      name: 'no request',
      body: '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}',
      want: /request is missing/,
    },
    { name: 'no uid', body: review(plainWorkload, { uid: '' }), want: /uid is missing/ },
    { name: 'no operation', body: review(plainWorkload, { operation: 'hunter2' }), want: /operation is not/ },
  ];
  for (const { name, body, want } of rows) {
    const answer = await send(port, mutate, { body });
    t.equal(answer.status, 400, name);
    t.match(
      JSON.parse(answer.text),
      { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 400, reason: 'BadRequest', message: want },
      name,
    );
    t.notMatch(answer.text, /hunter2/, name);
  }
  t.notMatch(logged(), /hunter2/);
});

test('refuses other paths, methods and encodings in words', async (t) => {
  const { port } = await run(t);
  const large = Buffer.alloc(2_000_000, 'x');
  t.match(
    await send(port, '/mutate/elsewhere', { body: large, headers: { 'content-type': 'application/json' } }),
    { status: 404, text: /reviews go to \/mutate\/workloads/ },
  );
  t.match(await send(port, '/%zz', { method: 'GET' }), { status: 400 });
  const wrongMethod = await send(port, `${mutate}?timeout=10s`, { method: 'GET' });
  t.match(wrongMethod, { status: 405, text: /use POST/ });
  t.equal(wrongMethod.headers.allow, 'POST');
  t.match(await send(port, mutate, { body: large, headers: { 'content-encoding': 'gzip' } }), {
    status: 415,
    text: /content-encoding gzip/,
  });
  t.equal(
    (await send(port, mutate, { body: review(plainWorkload), headers: { 'content-encoding': 'identity' } }))
      .status,
    200,
  );
});

test('keys that mean something to JavaScript are data: admitted, untouched, and without effect', async (t) => {
  const { port } = await run(t, { decide: (_path, { object }) => allow([JSON.stringify(object)]) });
  const data = '{"data":{"__proto__":"a","constructor":{"prototype":{"polluted":true}},"toString":"b"}}';
  const answer = await send(port, mutate, {
    body: review(null).replace('"object":null', `"object":${data}`),
  });
  t.equal(answer.status, 200);
  t.same(readAnswer(answer).response.warnings, [data]);
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
  t.equal(Object.keys(Object.prototype).length, 0);
});

function reviewOfBytes(bytes: number): string {
  const frame = review({ ...plainWorkload, data: '' });
  return frame.replace('"data":""', `"data":"${'x'.repeat(bytes - frame.length)}"`);
}

test('answers a review of 6.9 MiB, and one above the limit in its own name with 413', async (t) => {
  const { port, metrics } = await run(t);
  const whole = readAnswer(await send(port, mutate, { body: reviewOfBytes(6.9 * 1024 * 1024) }));
  t.match(whole.response, { uid: 'uid-1', allowed: true });
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await send(port, mutate, { body: reviewOfBytes(7.1 * 1024 * 1024), headers });
    t.equal(answer.status, 200);
    t.match(readAnswer(answer).response, {
      uid: 'uid-1',
      allowed: false,
      status: { code: 413, message: /bodyLimitBytes/ },
    });
  }
  t.match(await metrics(), /requests_total\{path="\/mutate\/workloads",operation="",outcome="too-large"\} 2/);
});

test('a body above the limit without a uid at its start is refused by HTTP', async (t) => {
  const { port } = await run(t, { settings: { bodyLimitBytes: 100_000 } });
  const answer = await send(port, mutate, { body: 'x'.repeat(200_000) });
  t.match(answer, { status: 413, text: /bodyLimitBytes/ });
});

test('the connection of a body above the limit can be used again', async (t) => {
  const { port } = await run(t, { settings: { bodyLimitBytes: 100_000 } });
  const socket = await dial(port);
  t.teardown(() => socket.destroy());
  socket.write(post(mutate, reviewOfBytes(300_000)));
  t.match(await received(socket, /\}$/), /"code":413/);
  socket.removeAllListeners('data');
  socket.write(post(mutate, review(plainWorkload)));
  t.match(await received(socket, /\}$/), /"allowed":true/);
});

test('who sends without end is cut off, and gets its answer first', async (t) => {
  const { port } = await run(t, { settings: { bodyLimitBytes: 65_536 } });
  const socket = await dial(port);
  const answer = received(socket, /\}$/);
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => {
    socket.once('close', resolve);
  });
  socket.write(post(mutate, review(branchWorkload).slice(0, -2), 1_000_000_000_000));
  const chunk = 'x'.repeat(65_536);
  const more = setInterval(() => {
    if (socket.writable) socket.write(chunk);
  }, 1);
  t.teardown(() => {
    clearInterval(more);
  });
  t.match(await answer, /"uid":"uid-1".*"code":413/s);
  await closed;
});

test('nesting of any depth is answered, and costs nobody else anything', async (t) => {
  const { port } = await run(t);
  for (const depth of [1000, 5000, 10_000, 100_000]) {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = open.repeat(depth) + '1' + close.repeat(depth);
      for (const object of [plainWorkload, branchWorkload]) {
        const body = review({ ...object, deep: 0 }).replace('"deep":0', `"deep":${nested}`);
        const answer = await send(port, mutate, { body });
        t.equal(answer.status, 200, `${depth} ${open}`);
        t.equal(readAnswer(answer).response.uid, 'uid-1');
      }
    }
  }
});

test('a large body nested 200 000 deep is answered without being parsed', async (t) => {
  const { port } = await run(t, {
    decide: () => {
      throw new Error('it was parsed');
    },
  });
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  const answer = readAnswer(
    await send(port, mutate, { body: review(plainWorkload).replace('"spec":{}', `"spec":${deep}`) }),
  );
  t.match(answer.response, { uid: 'uid-1', allowed: true, warnings: [/nested too deeply.*BL902/] });
  t.match(await send(port, mutate, { body: deep }), { status: 400, text: /nested too deeply/ });
});

test('a decision that runs out of stack is an answer: refused for a branch, let through with a warning otherwise', async (t) => {
  const exhaust = (): never => exhaust();
  const { port } = await run(t, { decide: exhaust });
  t.match(readAnswer(await send(port, mutate, { body: review(branchWorkload) })).response, {
    allowed: false,
    status: { code: 422, message: /BL902/ },
  });
  t.match(readAnswer(await send(port, mutate, { body: review(plainWorkload) })).response, {
    allowed: true,
    warnings: [/BL902/],
  });
});

test('a patch too deep to be written is an answer', async (t) => {
  const { port } = await run(t, {
    decide: (_path, { object }) => ({
      outcome: 'mutated',
      patch: [{ op: 'add', path: '/x', value: object }],
      after: {},
      warnings: [],
      problems: [],
    }),
  });
  const body = review({ ...branchWorkload, deep: 0 }).replace(
    '"deep":0',
    `"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  );
  t.match(readAnswer(await send(port, mutate, { body })).response, { allowed: false, status: { code: 422 } });
});

test('a bug is an answer, and is logged with the uid and without the object', async (t) => {
  const { port, lines, metrics } = await run(t, {
    level: 'info',
    decide: () => {
      throw new TypeError('cannot read hunter2');
    },
  });
  t.match(readAnswer(await send(port, mutate, { body: review(branchWorkload) })).response, {
    uid: 'uid-1',
    allowed: false,
    status: { code: 500, message: /BL904/ },
  });
  t.match(readAnswer(await send(port, mutate, { body: review(plainWorkload) })).response, {
    uid: 'uid-1',
    allowed: true,
    warnings: [/BL904/],
  });
  const errors = lines.filter((line) => line.level === 'error');
  t.equal(errors.length, 2);
  t.match(errors[0], { uid: 'uid-1', path: mutate, error: 'TypeError' });
  t.match((errors[0]?.['stack'] as readonly string[])[0], /^at .*reviews\.test\.ts/);
  t.notMatch(JSON.stringify(lines), /hunter2/);
  t.match(await metrics(), /requests_total\{path="\/mutate\/workloads",operation="CREATE",outcome="bug"\} 2/);
});

test('a bug outside a decision is answered too, and the server goes on', async (t) => {
  let fails = true;
  const { port, lines } = await run(t, {
    facts: () => {
      if (fails) throw new Error('hunter2');
      return { settings: settingsWith(), snapshot: snapshotOf([]) };
    },
  });
  t.match(await send(port, mutate, { body: review(plainWorkload) }), {
    status: 500,
    text: /its log says why/,
  });
  t.match(lines[0], { level: 'error', path: mutate, stack: [/^at /] });
  t.notMatch(JSON.stringify(lines), /hunter2/);
  fails = false;
  t.equal((await send(port, mutate, { body: review(plainWorkload) })).status, 200);
});

test('a deadline that passes before or while deciding is an answer', async (t) => {
  const rows: readonly { name: string; query: string; costMilliseconds: number; inTime: boolean }[] = [
    { name: "80 % of the caller's time", query: '?timeout=1s', costMilliseconds: 799, inTime: true },
    { name: 'more than 80 %', query: '?timeout=1s', costMilliseconds: 801, inTime: false },
    { name: 'milliseconds', query: '?timeout=100ms', costMilliseconds: 81, inTime: false },
    { name: 'the limit of the settings', query: '?timeout=30s', costMilliseconds: 5001, inTime: false },
    { name: 'no time given', query: '', costMilliseconds: 4999, inTime: true },
    { name: 'a time that cannot be read', query: '?timeout=soon', costMilliseconds: 4999, inTime: true },
    { name: 'among other parameters', query: '?a=b&timeout=1s&c=d', costMilliseconds: 900, inTime: false },
  ];
  let now = 0;
  let cost = 0;
  const { port, metrics } = await run(t, {
    now: () => now,
    decide: () => {
      now += cost;
      return allow();
    },
  });
  for (const { name, query, costMilliseconds, inTime } of rows) {
    cost = costMilliseconds;
    const branch = readAnswer(await send(port, mutate + query, { body: review(branchWorkload) })).response;
    if (inTime) t.match(branch, { allowed: true }, name);
    else t.match(branch, { allowed: false, status: { code: 504, message: /BL903/ } }, name);
    const other = readAnswer(await send(port, mutate + query, { body: review(plainWorkload) })).response;
    t.match(other, { allowed: true, ...(inTime ? {} : { warnings: [/BL903/] }) }, name);
  }
  t.match(
    await metrics(),
    /requests_total\{path="\/mutate\/workloads",operation="CREATE",outcome="deadline"\} 8/,
  );
});

test('a review that waited too long is not decided any more', async (t) => {
  let now = 0;
  const { port } = await run(t, {
    now: () => (now += 300),
    decide: () => {
      throw new Error('it was decided');
    },
  });
  t.match(
    readAnswer(await send(port, `${mutate}?timeout=100ms`, { body: review(branchWorkload) })).response,
    { allowed: false, status: { code: 504 } },
  );
});

test('beyond the body budget reviews are shed with 429, and the budget comes back', async (t) => {
  const { port, metrics } = await run(t, { settings: { bodyBudgetBytes: 100_000, bodyLimitBytes: 90_000 } });
  const first = reviewOfBytes(80_000);
  const holder = await dial(port);
  t.teardown(() => holder.destroy());
  holder.write(post(mutate, first).slice(0, -1000));
  await until(async () => /in_flight\{path="\/mutate\/workloads"\} 1/.test(await metrics()));
  await untilShed(port);

  t.equal(
    (await send(port, `${mutate}?timeout=1s`, { body: reviewOfBytes(70_000) })).status,
    429,
    'also without time for a second try: the failure policy knows what we have not read',
  );
  t.equal((await send(port, mutate, { body: review(plainWorkload) })).status, 200, 'small ones still fit');

  holder.write(first.slice(-1000));
  t.match(await received(holder, /\}$/), /"allowed":true/);
  t.equal((await send(port, mutate, { body: reviewOfBytes(80_000) })).status, 200, 'the budget is back');
  t.match(await metrics(), /branchline_shed_total [1-9]/);
});

test('a client that goes away in the middle gives its budget back', async (t) => {
  const { port, metrics } = await run(t, { settings: { bodyBudgetBytes: 100_000, bodyLimitBytes: 90_000 } });
  for (let count = 1; count <= 5; count += 1) {
    const socket = await dial(port);
    socket.write(post(mutate, reviewOfBytes(80_000)).slice(0, -1000));
    await until(async () => /in_flight\{path="\/mutate\/workloads"\} 1/.test(await metrics()));
    socket.destroy();
    await until(async () => metrics().then((text) => text.includes(`outcome="aborted"} ${count}`)));
  }
  t.equal((await send(port, mutate, { body: reviewOfBytes(80_000) })).status, 200);
  t.match(await metrics(), /in_flight\{path="\/mutate\/workloads"\} 0/);
});

test('a body that stops in the middle holds its budget no longer than its caller would wait, and is told so', async (t) => {
  const { port, metrics } = await run(t, { settings: { bodyBudgetBytes: 100_000, bodyLimitBytes: 90_000 } });
  const holder = await dial(port);
  t.teardown(() => holder.destroy());
  holder.write(post(`${mutate}?timeout=100ms`, reviewOfBytes(80_000)).slice(0, -1000));
  t.match(await received(holder, /\}$/), /^HTTP\/1.1 408 [^]*did not arrive within the time/);
  t.equal((await send(port, mutate, { body: reviewOfBytes(80_000) })).status, 200, 'the budget is back');
  t.match(await metrics(), /outcome="late"\} 1/);
});

/** Asks until it is so; each question is a round trip, which lets the server read on. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

async function untilShed(port: number): Promise<void> {
  await until(async () => {
    const answer = await send(port, `${mutate}?timeout=10s`, { body: reviewOfBytes(70_000) });
    return (
      answer.status === 429 &&
      answer.headers['retry-after'] === '1' &&
      (JSON.parse(answer.text) as { message: string }).message.includes('try again in a second')
    );
  });
}

test('a large review lets small ones pass that arrived before its turn', async (t) => {
  const order: string[] = [];
  const { port } = await run(t, {
    decide: (_path, { uid }) => {
      order.push(uid);
      return allow();
    },
  });
  const large = reviewOfBytes(400_000);
  const socket = await dial(port);
  t.teardown(() => socket.destroy());
  const others = await Promise.all([1, 2, 3, 4].map(() => dial(port)));
  t.teardown(() => {
    others.forEach((other) => other.destroy());
  });
  const ends = [...others, socket].map((one) => received(one, /\}$/));
  others.forEach((other, index) => other.write(post(mutate, large.replace('uid-1', `large-${index}`))));
  await until(async () => {
    await send(port, mutate, { body: review(plainWorkload, { uid: 'small' }) });
    return order.length > 4;
  });
  socket.write(post(mutate, review(plainWorkload, { uid: 'last' })));
  await Promise.all(ends);
  t.same(
    [...new Set(order)].sort(),
    ['large-0', 'large-1', 'large-2', 'large-3', 'last', 'small'],
    'each got its answer',
  );
});

test('each decision is one log line, without the object', async (t) => {
  const { port, lines, logged } = await run(t, {
    decide: () => ({ ...allow(), problems: [{ code: 'BL112', path: 'a', message: 'm', severity: 'warn' }] }),
  });
  await send(port, mutate, {
    body: review({ ...plainWorkload, data: { password: 'hunter2' } }, { dryRun: true }),
  });
  t.equal(lines.length, 1);
  t.match(lines[0], {
    level: 'info',
    uid: 'uid-1',
    path: mutate,
    operation: 'CREATE',
    kind: 'Deployment',
    object: 'ww-green/web',
    outcome: 'allowed',
    codes: ['BL112'],
    dryRun: true,
    milliseconds: Number,
  });
  t.notMatch(logged(), /hunter2/);
});
