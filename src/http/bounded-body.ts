import { Response } from './undici.ts';

/** A response body longer than its reader accepts; the rest of it is not read. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';

  constructor(maxBytes: number) {
    super(`The response body is longer than ${maxBytes} bytes.`);
  }
}

/**
 * The same response with a body that fails with `BodyTooLargeError` after `maxBytes`. Counted after
 * decompression: a small body can be compressed from a huge one.
 */
export function boundBody(response: Response, maxBytes: number): Response {
  if (response.body === null) return response;
  let seen = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.byteLength;
      if (seen > maxBytes) controller.error(new BodyTooLargeError(maxBytes));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers });
}
