/** What the server says when it cannot do what was asked: RFC 9457 problem details. */
export interface ProblemDetails {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  trace_id?: string;
  errors?: { pointer?: string; rule?: string; message: string }[];
}

/** No status of HTTP: a fault of the page itself. */
export const brokenPage = -1;

/** An answer that is not a success. Status 0 means that no answer came at all. */
export class Problem extends Error {
  readonly status: number;
  readonly details: ProblemDetails;

  constructor(details: ProblemDetails) {
    super(details.detail ?? details.title);
    this.name = "Problem";
    this.status = details.status;
    this.details = details;
  }
}

/** Reads a refused answer. Bodies that are not problem+json (a proxy's page, say) become one with the status line. */
export async function problemOf(response: Response): Promise<Problem> {
  const known: ProblemDetails = {
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    trace_id: traceIdOf(response.headers.get("traceparent")),
  };
  const body = await jsonOrNull(response);
  if (body === null) return new Problem(known);
  return new Problem({
    ...known,
    type: text(body["type"]),
    title: text(body["title"]) ?? known.title,
    detail: text(body["detail"]),
    trace_id: text(body["trace_id"]) ?? known.trace_id,
    errors: Array.isArray(body["errors"]) ? (body["errors"] as ProblemDetails["errors"]) : undefined,
  });
}

/** Any thrown value as a Problem, so that every page shows the same thing. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({ title: "", status: 0, detail: error instanceof Error ? error.message : String(error) });
}

async function jsonOrNull(response: Response): Promise<Record<string, unknown> | null> {
  if (!(response.headers.get("content-type") ?? "").includes("json")) return null;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function traceIdOf(traceparent: string | null): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? "")?.[1];
}
