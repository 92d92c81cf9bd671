import { Problem, problemOf } from "./problem";

export interface ApiOptions {
  /** Bearer token of the signed-in user, read for each request. */
  token: () => string | null;
  /** Told when the server no longer takes the token. */
  onUnauthorised: () => void;
  fetch?: typeof fetch;
  base?: string;
}

export type Query = Record<string, string | number | undefined>;
type Init = RequestInit & { anonymous?: boolean };

export interface FileAnswer {
  name: string;
  content: Blob;
}

export type Sender = ReturnType<typeof createSender>;

/** Sends requests with the token of the user. Everything rejects with a `Problem`. */
export function createSender(options: ApiOptions) {
  const base = options.base ?? "api/v1";
  const send = options.fetch ?? fetch.bind(globalThis);

  async function answer(path: string, init: Init, accept: string): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = init.anonymous ? null : options.token();
    headers.set("Accept", accept);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const response = await reached(send(`${base}/${path}`, { ...init, headers }), init.signal);
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401 && !init.anonymous) options.onUnauthorised();
    throw problem;
  }

  return {
    async request<T>(path: string, init: Init = {}): Promise<T> {
      return (await bodyOf(await answer(path, init, "application/json"))) as T;
    },
    /** The body, and the tag of its revision. */
    async requestTagged<T>(path: string, init: Init = {}): Promise<{ body: T; etag: string | null }> {
      const response = await answer(path, init, "application/json");
      return { body: (await bodyOf(response)) as T, etag: response.headers.get("etag") };
    },
    async requestFile(path: string, accept = "*/*", signal?: AbortSignal): Promise<FileAnswer> {
      const response = await answer(path, { signal }, accept);
      return { name: fileName(response.headers.get("content-disposition")), content: await response.blob() };
    },
  };
}

/** A query string without the parameters that have no value. */
export function search(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** `crypto.randomUUID` exists only on secure origins; a console on a plain LAN address needs keys too. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fileName(disposition: string | null): string {
  return /filename="?([^";]+)"?/.exec(disposition ?? "")?.[1] ?? "";
}

async function reached(pending: Promise<Response>, signal?: AbortSignal | null): Promise<Response> {
  try {
    return await pending;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ title: "", status: 0, detail: error instanceof Error ? error.message : undefined });
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const body = await response.text();
  if (body === "") return null;
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem({ title: "", status: response.status, detail: "The answer is not JSON." });
  }
}
