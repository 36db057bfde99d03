/** What lists and maps lack. */

/** Returns the least of some times; undefined when there is none. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Does something for each member, in order, for at most `limit` of them at a time. A failure fails the whole, and what has begun goes on. */
export async function forEachConcurrently<T>(
  members: readonly T[],
  limit: number,
  act: (member: T) => Promise<void>,
): Promise<void> {
  const left = members.values();
  const worker = async (): Promise<void> => {
    for (const member of left) await act(member);
  };
  await Promise.all(Array.from({ length: Math.min(limit, members.length) }, worker));
}
