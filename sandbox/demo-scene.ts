import type { DemoOptions } from './demo-options.ts';
import type { Strategy } from './fleet.ts';

const MANNERS: Readonly<Record<Strategy, readonly string[]>> = {
  Rolling: [
    'machines that are up get it by a restart: one of them alone at first, and when',
    'it is well the others, one at a time. MCP sessions end with their machine and',
    'are opened anew. Machines that are stopped stay so.',
  ],
  Reload: [
    'machines that are up get it in a file, which they look at for every call: one of',
    'them alone at first, and when it stays well the others. No machine restarts, and',
    'no MCP session ends. Machines that are stopped stay so.',
  ],
};

const BAD_TOKEN = [
  'Token 2 will be issued and verified well, yet the API refuses it: it must get no',
  'further than to one machine, and no call may be refused.',
];

/** What there is to see, for somebody who knows none of it. Fits into 80 columns. */
export function demoScene({ strategy, lifetime, badToken }: Omit<DemoOptions, 'output'>): string[] {
  return [
    'What you see: an app on Fly.io, whose machines run an MCP server that calls an',
    `API with an access token. Real tokens live for hours, these for ${lifetime} s; a call`,
    'with an expired one is refused. In time the controller gets the next token,',
    "verifies it, and stores it in a Secret of the cluster and in the app's secrets,",
    'which are the environment that machines start with. Then',
    ...MANNERS[strategy],
    ...(badToken ? BAD_TOKEN : []),
  ];
}
