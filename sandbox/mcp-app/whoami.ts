import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { ProtectedApi } from './protected-api.ts';

/**
 * Result of `whoami` as structured content. `apiStatus` is the HTTP status of the API, 0 when it gave no
 * answer: 401 means that the token (or the signed tenant headers) was refused.
 */
export interface WhoamiContent {
  readonly machine: string;
  readonly apiStatus: number;
  readonly sub?: string;
}

function toResult(content: WhoamiContent): CallToolResult {
  return {
    isError: content.apiStatus !== 200,
    content: [{ type: 'text', text: JSON.stringify(content) }],
    structuredContent: { ...content },
  };
}

/** An MCP server with one tool, `whoami`, that asks the API with the machine's token. One per session. */
export function createWhoamiServer(machine: string, api: ProtectedApi): McpServer {
  const server = new McpServer({ name: 'toolbridge-mcp', version: '0.1.0' });
  server.registerTool(
    'whoami',
    { description: 'Who the API takes this server for', annotations: { readOnlyHint: true } },
    async () => {
      const { status, sub } = await api.whoami().catch(() => ({ status: 0, sub: undefined }));
      return toResult({ machine, apiStatus: status, ...(sub === undefined ? {} : { sub }) });
    },
  );
  return server;
}
