/** Short names for what has long ids: numbers, in the order in which each is first spoken of. */
export class Names {
  readonly #tokens: string[] = [];
  readonly #machines: string[] = [];

  /** `token 2` */
  token(id: string): string {
    return `token ${numberOf(this.#tokens, id)}`;
  }

  /** `machine 3` */
  machine(id: string): string {
    return `machine ${numberOf(this.#machines, id)}`;
  }

  /** `machine 4`, `machines 4 and 5`, `machines 4, 5 and 6` */
  machines(ids: readonly string[]): string {
    const numbers = ids.map((id) => String(numberOf(this.#machines, id)));
    const last = numbers.at(-1) ?? 'none';
    return numbers.length < 2 ? `machine ${last}` : `machines ${numbers.slice(0, -1).join(', ')} and ${last}`;
  }
}

/** As much of an id as tells it from the others, as in the output of `git log`. */
export const shortId = (id: string) => id.slice(0, 8);

function numberOf(known: string[], id: string): number {
  if (!known.includes(id)) known.push(id);
  return known.indexOf(id) + 1;
}
