import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

/** Sessions kept before the oldest is dropped; its client then opens a new one. */
const MAX_SESSIONS = 1000;

/** MCP sessions in the memory of this process: a restart loses them all. */
export interface Sessions {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends the streams that clients listen on, so that no stop waits for them; the sessions go on. */
  endStreams(): void;
  close(): Promise<void>;
}

type OpenSessions = Map<string, StreamableHTTPServerTransport>;

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32_001, message }, id: null }));
}

/**
 * A session id names its machine. One that another machine opened is handed back to Fly's proxy to replay
 * there, once; the 404 is what a client sees when that machine is gone (Fly docs, "Dynamic Request Routing";
 * MCP 2025-11-25, "Session Management": the client must open a new session).
 */
function refuseUnknown(
  id: string,
  machine: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const owner = id.split('.')[0] ?? '';
  const replayed =
    request.headers['fly-replay-src'] !== undefined ||
    request.headers['fly-preferred-instance-unavailable'] !== undefined;
  if (owner !== machine && /^[0-9A-Za-z-]{1,64}$/.test(owner) && !replayed) {
    response.setHeader('fly-replay', `prefer_instance=${owner}`);
  }
  refuse(response, 404, 'Session not found');
}

async function open(machine: string, sessions: OpenSessions, server: McpServer) {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => `${machine}.${randomUUID()}`,
    enableJsonResponse: true,
    onsessioninitialized: (id) => {
      const [oldest] = sessions;
      if (sessions.size >= MAX_SESSIONS && oldest) void oldest[1].close();
      sessions.set(id, transport);
    },
  });
  transport.onclose = () => {
    if (transport.sessionId !== undefined) sessions.delete(transport.sessionId);
  };
  await server.connect(transport);
  return transport;
}

/**
 * @param machine the Fly machine this process runs on
 * @param createServer makes the MCP server behind one new session
 */
export function createSessions(machine: string, createServer: () => McpServer): Sessions {
  const sessions: OpenSessions = new Map();
  return {
    handle: async (request, response) => {
      const { method, headers } = request;
      const id = headers['mcp-session-id'];
      // A stream is one of a session (MCP 2025-11-25, "Listening for Messages").
      const listens = method === 'GET' && id !== undefined;
      if (method !== 'POST' && method !== 'DELETE' && !listens) {
        response.setHeader('allow', 'POST, DELETE');
        return refuse(response, 405, 'Method not allowed');
      }
      if (listens) response.setHeader('connection', 'close');
      if (typeof id !== 'string') {
        const transport = await open(machine, sessions, createServer());
        return transport.handleRequest(request, response);
      }
      const transport = sessions.get(id);
      if (!transport) return refuseUnknown(id, machine, request, response);
      return transport.handleRequest(request, response);
    },
    endStreams: () => {
      for (const transport of sessions.values()) transport.closeStandaloneSSEStream();
    },
    close: async () => {
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
    },
  };
}
