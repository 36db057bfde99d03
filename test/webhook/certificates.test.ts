import { execFile, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { checkPair, openCertificates, type CertificateSettings } from '../../src/webhook/certificates.ts';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { dial, plainWorkload, post, received, review, run, send, temporaryFolder } from './harness.ts';

const names = ['localhost', '127.0.0.1'];
const day = 86_400_000;
const selfMade = join(import.meta.dirname, '../../src/webhook/self-made.ts');
const body = review(plainWorkload);

function settings(changes: Partial<CertificateSettings>): CertificateSettings {
  return {
    tlsCertFile: '',
    tlsKeyFile: '',
    certDirectory: '',
    tlsNames: names,
    clientCaFile: '',
    ...changes,
  };
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

test('makes a CA and a serving pair that clients of that CA accept by name and address', async (t) => {
  const folder = join(temporaryFolder(t), 'new/certs');
  const { cert, key } = await ensureSelfMadePair(folder, [...names, '*.branchline.svc', '::1'], Date.now());
  t.same(readdirSync(folder).sort(), ['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
  for (const file of ['ca.key', 'tls.key']) t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  const ca = new X509Certificate(read(folder, 'ca.crt'));
  const leaf = new X509Certificate(cert);
  t.equal(
    leaf.subjectAltName,
    'DNS:localhost, IP Address:127.0.0.1, DNS:*.branchline.svc, IP Address:0:0:0:0:0:0:0:1',
  );
  t.same([ca.ca, leaf.ca], [true, false]);
  t.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'for servers only');
  t.notMatch(leaf.serialNumber, /^0*1?$/);
  t.not(leaf.serialNumber, ca.serialNumber);
  const { port } = await run(t, { pair: checkPair(cert, key, Date.now()) });
  for (const servername of ['localhost', 'a.branchline.svc']) {
    t.equal(
      (
        await send(port, '/healthz', {
          method: 'GET',
          tls: { ca: read(folder, 'ca.crt'), rejectUnauthorized: true, servername },
        })
      ).status,
      200,
      servername,
    );
  }
  await t.rejects(
    dial(port, { ca: read(folder, 'ca.crt'), rejectUnauthorized: true, servername: 'elsewhere' }),
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  );
});

test(
  'openssl agrees with what was made',
  { skip: spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not on this machine' },
  async (t) => {
    const folder = temporaryFolder(t);
    await ensureSelfMadePair(folder, names, Date.now());
    const verified = spawnSync(
      'openssl',
      [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        'localhost',
        '-CAfile',
        join(folder, 'ca.crt'),
        join(folder, 'tls.crt'),
      ],
      { encoding: 'utf8' },
    );
    t.equal(verified.status, 0, verified.stderr);
  },
);

test('takes what is kept as long as it is good, and makes anew what is not', async (t) => {
  const now = Date.now();
  const rows: readonly {
    name: string;
    change: (folder: string) => void;
    at?: number;
    names?: readonly string[];
    keepsCa: boolean;
    keepsPair: boolean;
  }[] = [
    { name: 'nothing changed', change: () => undefined, keepsCa: true, keepsPair: true },
    { name: 'fewer names', change: () => undefined, names: ['localhost'], keepsCa: true, keepsPair: true },
    {
      name: 'another name',
      change: () => undefined,
      names: ['localhost', 'other'],
      keepsCa: true,
      keepsPair: false,
    },
    {
      name: 'another address',
      change: () => undefined,
      names: ['10.0.0.1'],
      keepsCa: true,
      keepsPair: false,
    },
    {
      name: 'before the last third of its life',
      change: () => undefined,
      at: now + 240 * day,
      keepsCa: true,
      keepsPair: true,
    },
    {
      name: 'in the last third of its life',
      change: () => undefined,
      at: now + 250 * day,
      keepsCa: true,
      keepsPair: false,
    },
    { name: 'after years', change: () => undefined, at: now + 3000 * day, keepsCa: false, keepsPair: false },
    { name: 'the clock went back', change: () => undefined, at: now - day, keepsCa: false, keepsPair: false },
    {
      name: 'no key',
      change: (folder) => {
        rmSync(join(folder, 'tls.key'));
      },
      keepsCa: true,
      keepsPair: false,
    },
    {
      name: 'half a certificate',
      change: (folder) => {
        writeFileSync(join(folder, 'tls.crt'), read(folder, 'tls.crt').slice(0, 300));
      },
      keepsCa: true,
      keepsPair: false,
    },
    {
      name: 'the key of another',
      change: (folder) => {
        cpSync(join(folder, 'ca.key'), join(folder, 'tls.key'));
      },
      keepsCa: true,
      keepsPair: false,
    },
    {
      name: 'no CA key',
      change: (folder) => {
        rmSync(join(folder, 'ca.key'));
      },
      keepsCa: false,
      keepsPair: false,
    },
  ];
  const model = temporaryFolder(t);
  await ensureSelfMadePair(model, names, now);
  for (const { name, change, at = now, names: wanted = names, keepsCa, keepsPair } of rows) {
    const folder = temporaryFolder(t);
    cpSync(model, folder, { recursive: true });
    change(folder);
    const { cert, key } = await ensureSelfMadePair(folder, wanted, at);
    t.equal(read(folder, 'ca.crt') === read(model, 'ca.crt'), keepsCa, `${name}: the CA`);
    t.equal(cert === read(model, 'tls.crt'), keepsPair, `${name}: the pair`);
    t.ok(checkPair(cert, key, at), name);
    t.ok(new X509Certificate(cert).verify(new X509Certificate(read(folder, 'ca.crt')).publicKey), name);
    t.same(readdirSync(folder).length, 4, `${name}: nothing is left behind`);
  }
});

test('processes that start at the same time in an empty folder serve the same pair', async (t) => {
  const folder = temporaryFolder(t);
  const script = `const { ensureSelfMadePair } = await import(${JSON.stringify(selfMade)}); console.log(JSON.stringify(await ensureSelfMadePair(${JSON.stringify(folder)}, ['localhost'], Date.now())));`;
  const made = await Promise.all(
    Array.from(
      { length: 4 },
      async () => (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).stdout,
    ),
  );
  t.equal(new Set(made).size, 1);
  t.equal((JSON.parse(made[0] ?? '') as { cert: string }).cert, read(folder, 'tls.crt'));
  t.same(readdirSync(folder).sort(), ['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
});

test('takes over what a process left locked that died while making', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, '.making'));
  const past = new Date(Date.now() - 60_000);
  utimesSync(join(folder, '.making'), past, past);
  t.ok((await ensureSelfMadePair(folder, names, Date.now())).cert);
});

test('says which folder cannot be written and what to do instead', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  await t.rejects(ensureSelfMadePair(join(file, 'certs'), names, Date.now()), {
    message: /file\/certs \(certDirectory\).*make it writable, or give tlsCertFile and tlsKeyFile/,
  });
  await t.rejects(ensureSelfMadePair(file, [], Date.now()), { message: /tlsNames is empty/ });
});

test('a pair that ages in a folder that cannot be written is served as long as it is valid', async (t) => {
  const folder = temporaryFolder(t);
  const now = Date.now();
  const { cert } = await ensureSelfMadePair(folder, names, now);
  // Root may write everywhere, so it is tried as nobody then.
  const nobody = process.getuid?.() === 0 ? 65_534 : undefined;
  if (nobody !== undefined)
    for (const file of readdirSync(folder)) chownSync(join(folder, file), nobody, nobody);
  chmodSync(folder, 0o555);
  t.teardown(() => {
    chmodSync(folder, 0o755);
  });
  const served = async (at: number): Promise<string> => {
    const script = `const { ensureSelfMadePair } = await import(${JSON.stringify(selfMade)}); process.stdout.write((await ensureSelfMadePair(${JSON.stringify(folder)}, ${JSON.stringify(names)}, ${at})).cert);`;
    return (
      await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '-e', script],
        nobody === undefined ? {} : { uid: nobody, gid: nobody },
      )
    ).stdout;
  };
  t.equal(await served(now + 250 * day), cert);
  await t.rejects(served(now + 366 * day), {
    message: /cannot keep certificates in .*EACCES.*make it writable/,
  });
});

test('refuses a given pair that cannot serve, and says why', async (t) => {
  const folder = temporaryFolder(t);
  const now = Date.now();
  const { cert, key } = await ensureSelfMadePair(folder, names, now);
  const rows: readonly { name: string; cert: string; key: string; at?: number; want: RegExp }[] = [
    { name: 'no certificate', cert: 'x', key, want: /no pair to serve/ },
    { name: 'no key', cert, key: 'x', want: /no pair to serve/ },
    { name: 'the key of another', cert, key: read(folder, 'ca.key'), want: /key is not the certificate's/ },
    {
      name: 'for nobody',
      cert: read(folder, 'ca.crt'),
      key: read(folder, 'ca.key'),
      want: /no subject alternative name/,
    },
    { name: 'too early', cert, key, at: now - day, want: /not valid before/ },
    { name: 'too late', cert, key, at: now + 400 * day, want: /expired on/ },
  ];
  for (const { name, at = now, want, ...pair } of rows) {
    const given = settings({ tlsCertFile: join(folder, 'given.crt'), tlsKeyFile: join(folder, 'given.key') });
    writeFileSync(given.tlsCertFile, pair.cert);
    writeFileSync(given.tlsKeyFile, pair.key);
    await t.rejects(
      openCertificates(given, at, () => undefined),
      { message: want },
      name,
    );
  }
  await t.rejects(
    openCertificates(
      settings({ tlsCertFile: join(folder, 'missing.crt'), tlsKeyFile: join(folder, 'given.key') }),
      now,
      () => undefined,
    ),
    { message: /missing\.crt.*tlsCertFile/ },
  );
  await t.rejects(
    openCertificates(
      settings({ certDirectory: folder, clientCaFile: join(folder, 'tls.crt') }),
      now,
      () => undefined,
    ),
    { message: /clientCaFile.*not a CA/ },
  );
});

/** A Secret volume: the files are links into a folder that is swapped as a whole. */
function mountSecret(folder: string, pair: { cert: string; key: string }, version: string): void {
  mkdirSync(join(folder, version));
  writeFileSync(join(folder, version, 'tls.crt'), pair.cert);
  writeFileSync(join(folder, version, 'tls.key'), pair.key);
  symlinkSync(version, join(folder, '..tmp'));
  renameSync(join(folder, '..tmp'), join(folder, '..data'));
  for (const file of ['tls.crt', 'tls.key']) {
    rmSync(join(folder, file), { force: true });
    symlinkSync(join('..data', file), join(folder, file));
  }
}

test('follows a Secret volume; half a pair and a bad one are refused once each, and the old one stays', async (t) => {
  const now = Date.now();
  const [first, second] = await Promise.all(
    [1, 2].map(() => ensureSelfMadePair(temporaryFolder(t), names, now)),
  );
  if (first === undefined || second === undefined) throw new Error('no pairs');
  const folder = temporaryFolder(t);
  const given = settings({ tlsCertFile: join(folder, 'tls.crt'), tlsKeyFile: join(folder, 'tls.key') });
  mountSecret(folder, first, 'a');
  const events: string[] = [];
  const certificates = await openCertificates(given, now, ({ outcome, message }) => {
    events.push(`${outcome}: ${message}`);
  });
  t.equal(await certificates.refresh(now), false);
  mountSecret(folder, { cert: second.cert, key: first.key }, 'b');
  t.same([await certificates.refresh(now), await certificates.refresh(now)], [false, false]);
  t.equal(certificates.current.cert, first.cert);
  mountSecret(folder, second, 'c');
  t.equal(await certificates.refresh(now), true);
  t.equal(certificates.current.cert, second.cert);
  mountSecret(folder, { cert: 'x', key: 'x' }, 'd');
  t.same([await certificates.refresh(now), await certificates.refresh(now)], [false, false]);
  rmSync(join(folder, 'tls.key'));
  t.equal(await certificates.refresh(now), false);
  t.equal(certificates.current.cert, second.cert);
  t.match(events, [
    /^refused: the old certificate stays.*key is not/,
    /^loaded: /,
    /^refused: /,
    /^refused: .*ENOENT/,
  ]);
  t.equal(events.length, 4);
});

test('remakes its own pair while running, and other processes follow', async (t) => {
  const folder = temporaryFolder(t);
  const now = Date.now();
  const open = async () => openCertificates(settings({ certDirectory: folder }), now, () => undefined);
  const [one, other] = [await open(), await open()];
  const before = one.current;
  t.equal(one.caFile, join(folder, 'ca.crt'));
  t.equal(await one.refresh(now + 300 * day), true);
  t.not(one.current.cert, before.cert);
  t.ok(one.current.expires > before.expires);
  t.equal(await other.refresh(now + 300 * day), true);
  t.equal(other.current.cert, one.current.cert);
});

test('a new pair is served from the next handshake on, and no connection and no request is lost', async (t) => {
  const now = Date.now();
  const pairs = await Promise.all(
    [1, 2].map(async () => {
      const folder = temporaryFolder(t);
      const { cert, key } = await ensureSelfMadePair(folder, names, now);
      return { ca: read(folder, 'ca.crt'), pair: checkPair(cert, key, now) };
    }),
  );
  const [first, second] = pairs;
  if (first === undefined || second === undefined) throw new Error('no pairs');
  const { port, webhook } = await run(t, { pair: first.pair });
  const kept = await dial(port, { ca: first.ca, rejectUnauthorized: true, servername: 'localhost' });
  t.teardown(() => kept.destroy());

  const trusted = `${first.ca}\n${second.ca}`;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  t.teardown(() => {
    agent.destroy();
  });
  let isDone = false;
  const statuses: number[] = [];
  const tls = { ca: trusted, rejectUnauthorized: true, servername: 'localhost' };
  const load = Array.from({ length: 8 }, async (_, index) => {
    while (!isDone)
      statuses.push(
        (await send(port, '/mutate/workloads', { body, tls, ...(index % 2 === 0 ? { agent } : {}) })).status,
      );
  });
  for (let turn = 0; turn < 20; turn += 1) {
    const count = statuses.length;
    webhook.renew((turn % 2 === 0 ? second : first).pair);
    while (statuses.length < count + 20) await new Promise(setImmediate);
  }
  isDone = true;
  await Promise.all(load);
  t.same([...new Set(statuses)], [200]);

  webhook.renew(second.pair);
  t.throws(() => {
    webhook.renew({ ...first.pair, key: second.pair.key });
  }, 'a bad pair is refused');
  const fresh = await dial(port, { ca: second.ca, rejectUnauthorized: true, servername: 'localhost' });
  fresh.destroy();
  await t.rejects(dial(port, { ca: first.ca, rejectUnauthorized: true, servername: 'localhost' }));
  kept.write(post('/mutate/workloads', body));
  t.match(await received(kept, /\}$/), /HTTP\/1\.1 200/, 'the connection from before is still there');
  await t.rejects(
    dial(port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }),
    'and what it accepts has not changed',
  );
  const closed = once(kept, 'close');
  kept.destroy();
  await closed;
});

test('every pair made is one that can be read again: serial numbers are proper DER', async (t) => {
  // A needless leading zero made some certificates unreadable (OpenSSL: illegal padding).
  for (let round = 0; round < 6; round += 1) {
    const { cert } = await ensureSelfMadePair(join(t.testdir(), `certs-${round}`), ['localhost'], Date.now());
    t.match(new X509Certificate(cert).serialNumber, /^[4-7][0-9A-F]{31}$/);
  }
});
