import { readFile, stat } from 'node:fs/promises';
import { tokenFacts } from './token.ts';

/** What may be logged: which token is used from now on, or why the file cannot be read. */
export type TokenNote =
  | {
      readonly event: 'token';
      readonly from: 'file' | 'environment';
      readonly id: string;
      readonly exp?: number;
    }
  | { readonly event: 'tokenFileUnreadable'; readonly code: string };

export interface TokenPlaces {
  /** The token that the process booted with; empty for none. */
  readonly environment: string;
  /** Path of a file that is replaced by renaming while the process runs; empty for none. It may not exist. */
  readonly file: string;
  readonly onNote?: (note: TokenNote) => void;
}

/** The token of the file or of the environment, whichever expires later: a volume may hold an old file. */
export interface TokenSource {
  /** The freshest token; empty when there is none. Costs one `stat`, to be asked for every request. */
  current(): Promise<string>;
  /** The same, with the file read whether or not it looks changed: for a token that was refused. */
  reread(): Promise<string>;
}

interface Contents {
  readonly version: string;
  readonly token: string;
}

export function createTokenSource({ environment, file, onNote = () => {} }: TokenPlaces): TokenSource {
  const booted = environment.trim();
  const note = onChange(onNote);
  let cached: Contents | undefined;

  const look = async (known?: Contents): Promise<string> => {
    cached = file === '' ? undefined : await read(file, known).catch(trouble);
    const inFile = cached?.token ?? '';
    const token = fresher(inFile, booted);
    const from = token === inFile ? 'file' : 'environment';
    if (token !== '') note({ event: 'token', from, ...tokenFacts(token) });
    return token;
  };
  const trouble = (error: unknown): undefined => {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') note({ event: 'tokenFileUnreadable', code });
  };
  return { current: () => look(cached), reread: () => look() };
}

/** A rename brings another inode, also within one tick of the clock; `stat` follows the links of Kubernetes. */
async function read(file: string, known?: Contents): Promise<Contents> {
  const { ino, mtimeMs, size } = await stat(file);
  const version = `${ino} ${mtimeMs} ${size}`;
  return known?.version === version ? known : { version, token: (await readFile(file, 'utf8')).trim() };
}

/** The one that expires later; where that cannot be told, the file's: it was put there while the process ran. */
function fresher(inFile: string, inEnvironment: string): string {
  if (inFile === '' || inEnvironment === '') return inFile || inEnvironment;
  const file = tokenFacts(inFile).exp ?? Number.POSITIVE_INFINITY;
  const environment = tokenFacts(inEnvironment).exp ?? 0;
  return file >= environment ? inFile : inEnvironment;
}

/** Passes on what differs from the last note of the same event. */
function onChange(onNote: (note: TokenNote) => void): (note: TokenNote) => void {
  const last = new Map<string, string>();
  return (note) => {
    const text = JSON.stringify(note);
    if (last.get(note.event) !== text) onNote(note);
    last.set(note.event, text);
  };
}
