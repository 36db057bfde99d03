/** What a check of `branchline doctor` is given, and what it returns. A check that asks the world itself is made in a shell folder and added to the list there. */
import type { World } from './world.ts';

/** Something that a person should know. A `problem` stands in a branch's way and has somebody to put it right; a `note` does not. */
export interface Finding {
  /** Name of the check. */
  readonly check: string;
  readonly severity: 'problem' | 'note';
  /** What it is about, e.g. `Deployment ww-green/shop`. */
  readonly subject: string;
  readonly message: string;
  /** What to do, usually a command. */
  readonly fix: string;
  /** Names of the pods that it is about, sorted. */
  readonly pods: readonly string[];
}

/** One check. It may take its time; it never throws for what it finds. */
export interface Check {
  readonly name: string;
  /** What it asks, in words. */
  readonly question: string;
  readonly run: (world: World) => readonly Finding[] | Promise<readonly Finding[]>;
}
