/**
 * The one door to undici. `fetch`, `Request`, `Response`, `Headers` and the Agent must come from the same
 * package: Node's global fetch refuses an npm undici Agent, and undici's fetch refuses a global Request.
 */

export type {
  BodyInit,
  buildConnector as connectors,
  Dispatcher,
  HeadersInit,
  RequestInfo,
  RequestInit,
} from 'undici';
export { Agent, buildConnector, FormData, fetch, Headers, Request, Response } from 'undici';
