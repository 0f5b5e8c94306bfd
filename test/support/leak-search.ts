import assert from 'node:assert/strict';

/** Shorter pieces are found everywhere by chance. */
const LEAST_LENGTH = 12;

/** Looks for secrets in texts, in every form in which text carries them, and never shows one itself. */
export class LeakSearch {
  readonly #forms = new Map<string, string>();

  /** @param name what to call the secret in messages */
  add(name: string, secret: string): void {
    for (const [form, text] of Object.entries(formsOf(secret))) {
      assert.ok(text.length >= LEAST_LENGTH, `${name} is too short to be searched for`);
      if (!this.#forms.has(text)) this.#forms.set(text, `${name} (${form})`);
    }
  }

  /** A JWT, whole and each of its three parts. */
  addJwt(name: string, token: string): void {
    this.add(name, token);
    for (const [index, part] of token.split('.').entries()) this.add(`${name}, part ${index + 1}`, part);
  }

  /** A Fly token, whole and each of its comma-separated parts. */
  addFlyToken(name: string, token: string): void {
    this.add(name, token);
    const parts = token.replace(/^FlyV1 /, '').split(',');
    for (const [index, part] of parts.entries()) this.add(`${name}, part ${index + 1}`, part);
  }

  /** Names of what the text shows. */
  in(text: string): string[] {
    return [...this.#forms].filter(([form]) => text.includes(form)).map(([, name]) => name);
  }
}

function formsOf(secret: string): Record<string, string> {
  const bytes = Buffer.from(secret);
  const forms: Record<string, string> = {
    plain: secret,
    'percent-encoded': encodeURIComponent(secret),
    hex: bytes.toString('hex'),
  };
  // Within something longer it may begin at any of the three bytes that four characters stand for.
  for (const offset of [0, 1, 2]) {
    forms[`base64 at ${offset}`] = base64Core(bytes, offset, 'base64');
    forms[`base64url at ${offset}`] = base64Core(bytes, offset, 'base64url');
  }
  return forms;
}

/** The characters that do not depend on the neighbours. */
function base64Core(bytes: Buffer, offset: number, encoding: 'base64' | 'base64url'): string {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes]);
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor((whole.length * 8) / 6);
  return whole.toString(encoding).slice(first, last);
}
