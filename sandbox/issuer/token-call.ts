import { IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { decodeJwt } from 'jose';

/** A request to the token endpoint that was read to its end. */
export interface TokenCall {
  /** As it came, with its body still to be read. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Whom it names as its client, right or wrong. */
  readonly clientId: string | undefined;
}

/** @throws when the client leaves before it has sent everything */
export async function readTokenCall(request: IncomingMessage, response: ServerResponse): Promise<TokenCall> {
  const body = await buffer(request);
  return { request: replay(request, body), response, clientId: clientIdIn(request, body.toString()) };
}

function replay(request: IncomingMessage, body: Buffer): IncomingMessage {
  const copy = new IncomingMessage(request.socket);
  const { method, url, headers, rawHeaders, httpVersion } = request;
  Object.assign(copy, { method, url, headers, rawHeaders, httpVersion, complete: true });
  copy.push(body);
  copy.push(null);
  return copy;
}

function clientIdIn({ headers }: IncomingMessage, body: string): string | undefined {
  const form = new URLSearchParams(body);
  const assertion = form.get('client_assertion');
  return form.get('client_id') ?? (assertion ? subjectOf(assertion) : userOf(headers.authorization));
}

function subjectOf(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).sub;
  } catch {
    return undefined;
  }
}

/** The user of HTTP Basic, where OAuth wants it form-encoded (RFC 6749 §2.3.1). */
function userOf(authorization = ''): string | undefined {
  const encoded = /^basic +(\S+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const [user = ''] = Buffer.from(encoded, 'base64').toString().split(':');
  return new URLSearchParams(`user=${user}`).get('user') ?? undefined;
}
