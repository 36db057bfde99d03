/** Shell completion: what may stand next on a command line, and the scripts that ask for it. */
import type { Command } from 'commander';

/** Shells with a script. */
export const shells = ['bash', 'zsh', 'fish'] as const;
/** One of {@link shells}. */
export type Shell = (typeof shells)[number];

/** Returns what may stand in place of the last of `words`, sorted: verbs, flags, or the values that a flag may have. Empty where a file or a name is wanted. */
export function candidates(program: Command, words: readonly string[]): readonly string[] {
  const current = words.at(-1) ?? '';
  const command = program.commands.find((one) => one.name() === words[0] && words.length > 1);
  if (command === undefined)
    return matching(
      [
        ...program.commands.filter((one) => !isHidden(one)).map((one) => one.name()),
        'help',
        '--help',
        '--version',
      ],
      current,
      words.length === 1,
    );
  const before = words.at(-2) ?? '';
  const option = command.options.find((one) => one.short === before || one.long === before);
  if (option !== undefined && (option.required || option.optional))
    return matching(option.argChoices ?? [], current, true);
  if (!current.startsWith('-')) return [];
  return matching(
    [
      ...command.options.filter((one) => !one.hidden).flatMap((one) => [one.long ?? '', one.short ?? '']),
      '--help',
    ].filter((flag) => flag !== ''),
    current,
    true,
  );
}

function matching(all: readonly string[], start: string, wanted: boolean): readonly string[] {
  return wanted ? all.filter((one) => one.startsWith(start)).sort() : [];
}

function isHidden(command: Command): boolean {
  return command.name().startsWith('__');
}

/** Returns the script for a shell, for `branchline` and, where a shell knows no plugins of kubectl's, nothing else. */
export function scriptFor(shell: Shell): string {
  return scripts[shell];
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `_branchline() {
  local IFS=$'\\n'
  COMPREPLY=($(branchline __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _branchline branchline
`,
  zsh: `#compdef branchline
_branchline() {
  local -a found
  found=("\${(@f)$(branchline __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _branchline branchline
`,
  fish: `complete -c branchline -f -a '(branchline __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c branchline -F -s f -l file
`,
};
