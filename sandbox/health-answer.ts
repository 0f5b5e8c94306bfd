/** What the consumer says of itself and of the token that it calls its API with. */
export interface HealthAnswer {
  readonly state: string;
  readonly token?: { readonly id: string; readonly exp?: number };
}

/** Undefined when the machine does not answer in time, as while it boots. */
export async function askHealth(url: string, deadlineMs: number): Promise<HealthAnswer | undefined> {
  try {
    const response = await fetch(`${url}/health`, {
      // A connection that is kept would hold up the machine's stop.
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(deadlineMs),
    });
    return (await response.json()) as HealthAnswer;
  } catch {
    return undefined;
  }
}
