import { execFileSync } from 'node:child_process';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Remembers every process that was ever seen below `root`, also those that were handed to another parent since. */
export class ProcessTree {
  readonly #known = new Map<number, string>();
  readonly #root: number;
  readonly #timer: NodeJS.Timeout;

  constructor(root: number) {
    this.#root = root;
    this.#timer = setInterval(() => this.#look(), 100);
  }

  /** Whether one of them ever ran a command like this. */
  hasSeen(command: RegExp): boolean {
    return [...this.#known.values()].some((known) => command.test(known));
  }

  /** Command lines of those that still run. */
  alive(): string[] {
    return entries()
      .filter(({ pid, command }) => this.#known.get(pid) === command)
      .map(({ pid, command }) => `${pid} ${command}`);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const all = entries();
    const below = new Set([this.#root, ...this.#known.keys()]);
    for (const { pid, parent, command } of all) {
      if (below.has(parent) && pid !== this.#root) this.#known.set(pid, command);
    }
  }
}

/** Every process but those that have ended and were not waited for yet. */
function entries(): Entry[] {
  const text = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }];
  });
}
