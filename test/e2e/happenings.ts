import type { World } from '../../sandbox/world.ts';

/** Something a controller did: `step <name>` as it starts one, `fly <action>` as Fly is about to answer it. */
export type Happening = `step ${string}` | `fly ${string}`;

/** What controllers do, as it happens: by their logs, and by the platform they call. */
export class Happenings {
  #listener: (happening: Happening) => void = () => {};

  constructor(world: World) {
    world.outside.fly.requests.onAdd(({ action }) => this.#listener(`fly ${action}`));
  }

  /** For `startController`. */
  readonly onLine = (line: string): void => {
    const [, step] = /"step":"(\w+)"/.exec(line) ?? [];
    if (step !== undefined) this.#listener(`step ${step}`);
  };

  /** Calls `act` once, in the midst of the first happening from now on that `matches`; `count` starts at 1. */
  strike(matches: (happening: Happening, count: number) => boolean, act: () => void): void {
    let count = 0;
    this.#listener = (happening) => {
      count += 1;
      if (!matches(happening, count)) return;
      this.#listener = () => {};
      act();
    };
  }
}
