/** Which branches ended in git: merged into another one, or gone from every remote. Asks git itself; changes nothing in a repository. */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { livesOf } from '../lifecycle/life.ts';
import { parseBranch } from '../model/branch.ts';
import { quote } from '../model/problem.ts';
import type { Facts } from './facts.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What is asked of git. */
export interface GitQuestion {
  /** The branch into which others are merged. */
  readonly mergedInto: string | undefined;
  /** Repositories; several services may have one each. */
  readonly repos: readonly string[];
  /** Asks for branches that no remote has. */
  readonly gone: boolean;
  /** Names (of remotes of `repos`) or URLs. */
  readonly remotes: readonly string[];
}

/** Longest that git may take for one answer, in milliseconds. */
const timeoutMilliseconds = 60_000;
const outputLimitBytes = 64 * 1024 * 1024;

/** Returns branch id → why it ended, for the branches that live in the cluster. @returns an exit code when git does not answer; it was said. */
export async function endedInGit(
  question: GitQuestion,
  facts: Facts,
  io: Io,
): Promise<ReadonlyMap<string, string> | ExitCode> {
  const ids = new Set(livesOf(facts).map(({ branch }) => branch.id));
  const ended = new Map<string, string>();
  try {
    if (question.gone) for (const [id, why] of await findGone(question, ids, io)) ended.set(id, why);
    if (question.mergedInto !== undefined)
      for (const [id, why] of await findMerged(question.mergedInto, question.repos, ids, io))
        ended.set(id, why);
    return ended;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return exitCodes.worldRefused;
  }
}

/** A branch is gone when no remote has one of its id. A remote without any branch proves nothing. */
async function findGone(
  { remotes, repos }: GitQuestion,
  ids: ReadonlySet<string>,
  io: Io,
): Promise<ReadonlyMap<string, string>> {
  const alive = new Set<string>();
  const places = remotes.flatMap((remote) =>
    isUrl(remote) ? [{ remote, repo: '.' }] : repos.map((repo) => ({ remote, repo })),
  );
  for (const { remote, repo } of places) {
    const heads = lines(await git(repo, ['ls-remote', '--heads', '--end-of-options', remote], io.stop)).map(
      (line) => line.split('\t')[1] ?? '',
    );
    if (heads.length === 0)
      throw new GitError(`remote ${quote(remote)} has no branches at all: nothing is taken for gone`);
    for (const head of heads) alive.add(idOf(head));
  }
  const names = remotes.join(', ');
  return new Map(
    [...ids].filter((id) => !alive.has(id)).map((id) => [id, `its git branch is not in ${names}`]),
  );
}

/** A folder or an address; a name of a remote has neither slash nor colon. */
function isUrl(remote: string): boolean {
  return /[/:]/.test(remote);
}

/** Branches of the id in any of the repositories: every one of them has to be merged. */
async function findMerged(
  target: string,
  repos: readonly string[],
  ids: ReadonlySet<string>,
  io: Io,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, boolean>();
  for (const repo of repos) {
    const tip = await commitOf(repo, target, io.stop);
    for (const ref of await branchesOf(repo, io.stop)) {
      const id = idOf(ref.name);
      if (!ids.has(id) || ref.commit === tip || idOf(target) === id) continue;
      const isMerged = await isIn(repo, ref.commit, tip, io.stop);
      found.set(id, (found.get(id) ?? true) && isMerged);
    }
  }
  return new Map([...found].filter(([, merged]) => merged).map(([id]) => [id, `merged into ${target}`]));
}

interface Ref {
  readonly name: string;
  readonly commit: string;
}

/** Local and remote branches; of a remote's, its name is left out. */
async function branchesOf(repo: string, signal: AbortSignal): Promise<readonly Ref[]> {
  const format = '%(objectname) %(refname)';
  const refs = lines(
    await git(repo, ['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/remotes'], signal),
  );
  return refs
    .map((line) => {
      const [commit = '', ref = ''] = line.split(' ');
      return { commit, name: ref.replace(/^refs\/heads\//, '').replace(/^refs\/remotes\/[^/]+\//, '') };
    })
    .filter(({ name }) => name !== 'HEAD');
}

async function commitOf(repo: string, name: string, signal: AbortSignal): Promise<string> {
  const commit = await git(
    repo,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
    signal,
  ).catch((error: unknown) => {
    throw error instanceof GitError && error.isAnswer
      ? new GitError(
          `${repo} has no ${quote(name)}; fetch it, or name it as it is there, e.g. origin/${name}`,
        )
      : error;
  });
  return commit.trim();
}

/**
 * Tells whether a branch's commits are in another one: by a merge commit, commit by commit (rebased), or all in one (squashed). One that stands on the other's own
 * line has no commits of its own: it may be new, and does not count.
 */
async function isIn(repo: string, commit: string, target: string, signal: AbortSignal): Promise<boolean> {
  const base = (await git(repo, ['merge-base', commit, target], signal).catch(() => '')).trim();
  if (base === '') return false;
  if (base === commit) return !(await isOnLine(repo, commit, target, signal));
  const own = lines(await git(repo, ['cherry', target, commit], signal));
  if (own.every((line) => line.startsWith('-'))) return true;
  return isSquashed(repo, { commit, target, base }, signal);
}

async function isOnLine(repo: string, commit: string, target: string, signal: AbortSignal): Promise<boolean> {
  return lines(await git(repo, ['rev-list', '--first-parent', target], signal)).includes(commit);
}

/** The whole difference of the branch is the difference of one commit of the other one. */
async function isSquashed(
  repo: string,
  { commit, target, base }: { readonly commit: string; readonly target: string; readonly base: string },
  signal: AbortSignal,
): Promise<boolean> {
  const [whole] = await patchIds(repo, ['diff-tree', '-p', '-r', '--full-index', base, commit], signal);
  if (whole === undefined) return false;
  return (
    await patchIds(
      repo,
      ['log', '-p', '--first-parent', '--diff-merges=first-parent', '--full-index', `${base}..${target}`],
      signal,
    )
  ).includes(whole);
}

async function patchIds(
  repo: string,
  show: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const patches = await git(repo, show, signal);
  return lines(await pipe(repo, ['patch-id', '--stable'], patches, signal)).map(
    (line) => line.split(' ')[0] ?? '',
  );
}

function idOf(name: string): string {
  return parseBranch(name)?.id ?? '';
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** git did not answer, or not with what was asked for. */
class GitError extends Error {
  /** It ran, and said no. */
  readonly isAnswer: boolean;

  constructor(message: string, isAnswer = false) {
    super(message);
    this.isAnswer = isAnswer;
  }
}

const run = promisify(execFile);

/** Never asks for a password, in a language that nobody has to guess. */
const settled = ['-c', 'core.quotePath=false', '-c', 'color.ui=false', '-c', 'log.showSignature=false'];

async function git(repo: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('git', ['-C', repo, ...settled, ...args], {
      signal,
      timeout: timeoutMilliseconds,
      maxBuffer: outputLimitBytes,
    });
    return stdout;
  } catch (error) {
    throw toGitError(repo, args, error);
  }
}

function toGitError(repo: string, args: readonly string[], error: unknown): GitError {
  const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: unknown };
  if (code === 'ENOENT') return new GitError('git is not installed, or the repository is not there');
  const said = typeof stderr === 'string' ? (stderr.trim().split('\n').at(-1) ?? '') : '';
  return new GitError(
    `git ${args[0] ?? ''} in ${repo} failed: ${said === '' ? String(error) : said}`,
    typeof code === 'number',
  );
}

function pipe(repo: string, args: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', repo, ...settled, ...args], {
      signal,
      timeout: timeoutMilliseconds,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => {
      reject(toGitError(repo, args, error));
    });
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new GitError(`git ${args[0] ?? ''} in ${repo} failed with ${code ?? 'a signal'}`));
    });
  });
}
