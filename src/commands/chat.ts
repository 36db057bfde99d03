/**
 * `branchline chat`: a Slack slash command and mentions in front of the command line. Slack's own library verifies signatures and speaks to its API; who may ask,
 * for what, and that nothing is heard twice, is decided here.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { App, HTTPReceiver } from '@slack/bolt';
import type { Settings } from '../config/settings.ts';
import { openLog, type Log } from '../telemetry/log.ts';
import { messageOf, wordsOf } from './chat-words.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import type { Speaker } from './verbs.ts';

/** Runs the words of a chat. */
export type RunWords = (
  words: readonly string[],
  context: { readonly speaker: Speaker; readonly settings: Settings },
  io: Io,
) => Promise<ExitCode>;

/** What somebody asked, and where the answer goes. */
interface Question {
  readonly text: string;
  readonly user: string;
  readonly userName: string;
  readonly channel: string;
  /** Message under which to answer; undefined: one is posted. */
  readonly thread: string | undefined;
}

/** Slack's window: a request older or younger than this is refused. @see https://docs.slack.dev/authentication/verifying-requests-from-slack */
const windowSeconds = 300;
/** Signatures and event ids that are remembered; in five minutes nobody asks for more. */
const memory = 10_000;
/** Output is gathered for so long before it is posted: Slack takes about one message a second. */
const postMilliseconds = 1000;

/** Slack's library. */
type Bolt = NonNullable<Awaited<ReturnType<typeof loadBolt>>>;

/** Serves until `io.stop`. @returns 2 when it is not set up, 3 when it cannot start. */
export async function chat(settings: Settings, io: Io, runWords: RunWords): Promise<ExitCode> {
  const bolt = await loadBolt();
  if (bolt === undefined) {
    io.err(
      "branchline: chat needs Slack's library (slack-bolt.js beside branchline.js), which the webhook's image does not have: run it in the image that `docker build --target chat` makes, or from the npm package\n",
    );
    return exitCodes.worldRefused;
  }
  const missing = missingOf(settings);
  if (missing.length > 0) {
    io.err(`branchline: chat is off until it is told whom to trust; missing: ${missing.join(', ')}\n`);
    return exitCodes.wrongUse;
  }
  const opened = await openLog(settings.logLevel, io.isTerminal);
  try {
    const secrets = {
      signingSecret: await readSecret(settings.chatSigningSecretFile),
      token: await readSecret(settings.chatTokenFile),
    };
    await serve({ settings, io, log: opened.log, runWords, bolt }, secrets);
    return exitCodes.fine;
  } catch (error) {
    io.err(`branchline: chat cannot be served: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodes.worldRefused;
  } finally {
    await opened.flush();
  }
}

/** Returns the library; undefined when it is not beside the program. */
async function loadBolt() {
  try {
    return (await import('@slack/bolt')).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

function missingOf(settings: Settings): readonly string[] {
  const wanted = [
    'chatSigningSecretFile',
    'chatTokenFile',
    'chatUsers',
    'chatChannels',
    'chatNamespaces',
  ] as const;
  return wanted.filter((key) => settings[key].length === 0);
}

async function readSecret(file: string): Promise<string> {
  const secret = (await readFile(file, 'utf8')).trim();
  if (secret === '') throw new Error(`${file} is empty`);
  return secret;
}

interface Chat {
  readonly settings: Settings;
  readonly io: Io;
  readonly log: Log;
  readonly runWords: RunWords;
  readonly bolt: Bolt;
}

async function serve(
  self: Chat,
  { signingSecret, token }: { readonly signingSecret: string; readonly token: string },
): Promise<void> {
  const { settings, io, log, bolt } = self;
  const heard = createMemory();
  const logger = quietLogger(log);
  const receiver: HTTPReceiver = new bolt.HTTPReceiver({
    signingSecret,
    endpoints: settings.chatPath,
    logger,
    bodyLimit: 65_536,
    // Called once the signature is verified: from here on it is spent.
    customPropertiesExtractor: (request) => ({
      repeated: !heard.add(String(request.headers['x-slack-signature'])),
    }),
  });
  const clientOptions = { slackApiUrl: settings.chatApiUrl, retryConfig: { retries: 3 }, logger };
  const client = new bolt.webApi.WebClient(token, clientOptions);
  const identity = await whoWeAre(client, token);
  // With a token in place of this, Bolt asks Slack by itself, and a refusal ends the process.
  const app: App = new bolt.App({
    authorize: () => Promise.resolve(identity),
    receiver,
    logger,
    clientOptions,
    ignoreSelf: true,
    convoStore: false,
  });
  const running = new Set<Promise<void>>();
  listen(app, self, { client, heard, running });
  const server = createServer((request, response) => {
    if (isOutdated(request) || heard.has(String(request.headers['x-slack-signature'])))
      refuse(request, response);
    else dispatch(receiver, request, response);
  });
  await open(server, settings);
  io.err(`branchline: chat on ${addressOf(server)}${settings.chatPath}\n`);
  if (!io.stop.aborted) await once(io.stop, 'abort');
  server.close();
  server.closeIdleConnections();
  await Promise.allSettled(running);
  server.closeAllConnections();
}

/** Asks Slack whose token it is. @throws Error when Slack does not take it, or cannot be reached. */
async function whoWeAre(
  client: App['client'],
  token: string,
): Promise<{ readonly botToken: string; readonly botId?: string; readonly botUserId?: string }> {
  const { bot_id: botId, user_id: botUserId } = await client.auth.test().catch((error: unknown) => {
    throw new Error(
      `Slack does not take the token, or cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  return {
    botToken: token,
    ...(botId === undefined ? {} : { botId }),
    ...(botUserId === undefined ? {} : { botUserId }),
  };
}

/** Bolt checks that a request is not too old; one from the future would stay valid for longer than the window. */
function isOutdated(request: IncomingMessage): boolean {
  const stamp = Number(request.headers['x-slack-request-timestamp']);
  return !Number.isInteger(stamp) || Math.abs(Date.now() / 1000 - stamp) > windowSeconds;
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(401).end();
}

/** Throws for paths that are not its own. */
function dispatch(receiver: HTTPReceiver, request: IncomingMessage, response: ServerResponse): void {
  try {
    receiver.requestListener(request, response);
  } catch {
    request.resume();
    response.writeHead(request.url === '/healthz' ? 200 : 404).end();
  }
}

async function open(server: Server, { chatHost, chatPort }: Settings): Promise<void> {
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.listen(chatPort, chatHost);
  await once(server, 'listening');
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

interface Memory {
  /** Remembers; tells whether that was new. */
  readonly add: (text: string) => boolean;
  readonly has: (text: string) => boolean;
}

/** The last ones, the oldest go first. */
function createMemory(): Memory {
  const known = new Set<string>();
  return {
    has: (text) => known.has(text),
    add(text) {
      if (known.has(text)) return false;
      known.add(text);
      if (known.size > memory)
        for (const oldest of known) {
          known.delete(oldest);
          break;
        }
      return true;
    },
  };
}

interface Ears {
  readonly client: App['client'];
  readonly heard: Memory;
  readonly running: Set<Promise<void>>;
}

function listen(app: App, self: Chat, { client, heard, running }: Ears): void {
  const begin = (question: Question): void => {
    const work = answer(question, client, self).catch((error: unknown) => {
      self.log.error(
        { reason: error instanceof Error ? error.message : String(error) },
        'chat answer failed',
      );
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  };
  app.use(async ({ context, next }) => {
    if (context['repeated'] !== true) await next();
  });
  app.command(self.settings.chatCommand, async ({ command, ack }) => {
    const { text, user_id: user, user_name: userName, channel_id: channel } = command;
    const refused = refusal({ user, channel }, self.settings);
    await ack(refused === undefined ? undefined : { response_type: 'ephemeral', text: refused });
    if (refused === undefined) begin({ text, user, userName, channel, thread: undefined });
    else self.log.warn({ user, channel }, 'chat question refused');
  });
  app.event('app_mention', async ({ event, body }) => {
    // Slack sends an event again, signed anew, when our answer was late.
    if (!heard.add(`event ${body.event_id}`)) return;
    const { text, user = '', channel, ts, thread_ts: thread } = event;
    const refused = refusal({ user, channel }, self.settings);
    if (refused === undefined) begin({ text, user, userName: user, channel, thread: thread ?? ts });
    else {
      self.log.warn({ user, channel }, 'chat question refused');
      await client.chat
        .postMessage({ channel, thread_ts: thread ?? ts, text: refused })
        .catch(() => undefined);
    }
  });
}

/** Says why somebody may not ask here. */
function refusal(
  { user, channel }: Pick<Question, 'user' | 'channel'>,
  { chatUsers, chatChannels }: Settings,
): string | undefined {
  if (!chatUsers.includes('*') && !chatUsers.includes(user))
    return 'You may not ask branchline. Whoever runs it adds you to chatUsers.';
  return chatChannels.includes('*') || chatChannels.includes(channel)
    ? undefined
    : 'branchline is not asked in this channel. Whoever runs it adds it to chatChannels.';
}

/** Runs the words, and posts what they print under the question as it comes. */
async function answer(
  question: Question,
  client: App['client'],
  { settings, io, log, runWords }: Chat,
): Promise<void> {
  const { channel, user, userName } = question;
  const words = wordsOf(question.text);
  const thread =
    question.thread ??
    (
      await client.chat.postMessage({
        channel,
        text: `<@${user}>: ${settings.chatCommand} ${words.join(' ')}`,
      })
    ).ts;
  const posts = createPosts(async (text) => {
    await client.chat.postMessage({
      channel,
      text,
      ...(thread === undefined ? {} : { thread_ts: thread }),
      unfurl_links: false,
    });
  }, log);
  const speaker: Speaker = { isLocal: false, namespaces: settings.chatNamespaces, owner: userName };
  const code = await runWords(
    words,
    { speaker, settings },
    { ...io, isTerminal: false, out: posts.add, err: posts.add },
  ).catch((error: unknown) => {
    log.error({ reason: error instanceof Error ? error.stack : String(error) }, 'chat question met a bug');
    posts.add('branchline: this is a bug; its log has it\n');
    return exitCodes.worldRefused;
  });
  if (code !== exitCodes.fine)
    posts.add(`(${['fine', 'problems found', 'not understood', 'it did not work'][code] ?? ''})\n`);
  await posts.end();
  log.info({ user, channel, words: words.slice(0, 4), code }, 'chat question answered');
}

interface Posts {
  readonly add: (text: string) => void;
  /** Resolves when all is posted. */
  readonly end: () => Promise<void>;
}

/** Gathers output and posts it in order. */
function createPosts(post: (text: string) => Promise<void>, log: Log): Posts {
  let waiting = '';
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();
  const send = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const text = messageOf(waiting);
    waiting = '';
    if (text !== '')
      last = last
        .then(() => post(text))
        .catch((error: unknown) => {
          log.error(
            { reason: error instanceof Error ? error.message : String(error) },
            'chat message could not be posted',
          );
        });
  };
  return {
    add(text) {
      waiting += text;
      timer ??= setTimeout(send, postMilliseconds);
    },
    end() {
      send();
      return last;
    },
  };
}

/** Bolt's words in our log: what it refuses is worth a warning, the rest is not. Secrets are in none of them. */
function quietLogger(log: Log) {
  const write =
    (level: 'warn' | 'error') =>
    (...parts: readonly unknown[]): void => {
      log[level]({ from: 'slack' }, parts.map(String).join(' ').slice(0, 500));
    };
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: write('warn'),
    error: write('error'),
    setLevel: () => undefined,
    getLevel: () => 'warn' as never,
    setName: () => undefined,
  };
}
