import { describe, expect, it, vi } from "vitest";

import { createApi } from "../src/api/api";
import { Problem } from "../src/api/problem";
import { newIdempotencyKey, search } from "../src/api/request";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

function answering(response: Response | Error) {
  const calls: { url: string; init: RequestInit }[] = [];
  const onUnauthorised = vi.fn();
  const send = (url: string | URL | Request, init: RequestInit = {}) => {
    calls.push({ url: String(url), init });
    return response instanceof Error ? Promise.reject(response) : Promise.resolve(response);
  };
  const api = createApi({ token: () => "t0ken", onUnauthorised, fetch: send as typeof fetch });
  return { api, calls, onUnauthorised };
}

function json(body: unknown, status = 200, type = "application/json", headers: Record<string, string> = {}) {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": type, ...headers } });
}

async function problemFrom(run: Promise<unknown>): Promise<Problem> {
  const error: unknown = await run.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

describe("the client of the API", () => {
  it("sends the bearer token and only the parameters that have a value", async () => {
    const { api, calls } = answering(json({ items: [], next_cursor: null }));

    await api.recommendations({ account_manager: "me", state: "", cursor: undefined, limit: 50 });

    expect(calls[0]!.url).toBe("api/v1/recommendations?account_manager=me&limit=50");
    expect(new Headers(calls[0]!.init.headers).get("authorization")).toBe("Bearer t0ken");
  });

  it("exchanges a one-time code as a form and without a token", async () => {
    const { api, calls } = answering(json({ access_token: "x" }));

    await api.exchangeCode("a+b c");

    expect(String(calls[0]!.init.body)).toBe("grant_type=one_time_code&code=a%2Bb+c");
    expect(new Headers(calls[0]!.init.headers).has("authorization")).toBe(false);
  });

  it("sends an answer with its idempotency key to the escaped id", async () => {
    const { api, calls } = answering(json({ id: "a/b", state: "rejected" }));

    await api.giveFeedback("a/b", { event: "rejected", reason: "太多" }, "key-1");

    expect(calls[0]!.url).toBe("api/v1/recommendations/a%2Fb/feedback");
    expect(new Headers(calls[0]!.init.headers).get("idempotency-key")).toBe("key-1");
    expect(JSON.parse(String(calls[0]!.init.body))).toEqual({ event: "rejected", reason: "太多" });
  });

  it("mends the revision that was read, and keeps the tag of the new one", async () => {
    const { api, calls } = answering(json({ id: "q 1", revision: 8 }, 200, "application/json", { etag: '"8"' }));

    const mended = await api.mend("q 1", { qty: "3" }, '"7"');

    expect(calls[0]!.url).toBe("api/v1/quarantine/q%201");
    expect(calls[0]!.init.method).toBe("PATCH");
    expect(new Headers(calls[0]!.init.headers).get("if-match")).toBe('"7"');
    expect(new Headers(calls[0]!.init.headers).get("content-type")).toBe("application/merge-patch+json");
    expect(mended).toEqual({ item: { id: "q 1", revision: 8 }, etag: '"8"' });
  });

  it("makes the tag of an item from its revision where a proxy took the header", async () => {
    const { api } = answering(json({ id: "q", revision: 3 }));

    expect((await api.quarantineItem("q")).etag).toBe('"3"');
  });

  it("fetches a template with the token, under the name the server gives it", async () => {
    const headers = { "content-disposition": 'attachment; filename="sku.xlsx"' };
    const { api, calls } = answering(new Response("file", { headers }));

    const file = await api.template("sku", "xlsx");

    expect(calls[0]!.url).toBe("api/v1/kinds/sku/template?format=xlsx");
    expect(new Headers(calls[0]!.init.headers).get("authorization")).toBe("Bearer t0ken");
    expect([file.name, await file.content.text()]).toEqual(["sku.xlsx", "file"]);
  });

  it("tells the title, the detail and the trace id of a problem", async () => {
    const body = { type: "about:blank", title: "Not ready", status: 503, detail: "Try again.", trace_id: trace };
    const { api } = answering(json(body, 503, "application/problem+json"));

    const problem = await problemFrom(api.quality());

    expect(problem.status).toBe(503);
    expect(problem.details).toMatchObject({ title: "Not ready", detail: "Try again.", trace_id: trace });
  });

  it("takes the trace id from the header when the body has none", async () => {
    const { api } = answering(json({ title: "No" }, 409, "application/json", { traceparent: `00-${trace}-00f067aa0ba902b7-01` }));

    expect((await problemFrom(api.quality())).details.trace_id).toBe(trace);
  });

  it("makes a problem of an answer that is no problem: a proxy's page, or broken JSON", async () => {
    const page = answering(new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway", headers: { "content-type": "text/html" } }));
    const broken = answering(new Response("{", { status: 500, headers: { "content-type": "application/json" } }));
    const notJson = answering(new Response("<html>", { status: 200 }));

    expect((await problemFrom(page.api.quality())).details).toMatchObject({ title: "Bad Gateway", status: 502 });
    expect((await problemFrom(broken.api.quality())).details.title).toBe("HTTP 500");
    expect((await problemFrom(notJson.api.quality())).status).toBe(200);
  });

  it("says that the session is over on 401, but not when a sign-in code is refused", async () => {
    const expired = answering(json({ title: "Token expired" }, 401, "application/problem+json"));
    const badCode = answering(json({ title: "Code not valid" }, 401, "application/problem+json"));

    await problemFrom(expired.api.quality());
    await problemFrom(badCode.api.exchangeCode("x"));

    expect(expired.onUnauthorised).toHaveBeenCalledOnce();
    expect(badCode.onUnauthorised).not.toHaveBeenCalled();
  });

  it("gives status 0 when no answer came, and stays quiet about requests that were given up", async () => {
    const offline = answering(new TypeError("Failed to fetch"));
    const aborting = new AbortController();
    aborting.abort();

    expect((await problemFrom(offline.api.quality())).status).toBe(0);
    await expect(offline.api.quality(aborting.signal)).rejects.toBeInstanceOf(TypeError);
  });

  it("escapes query values and makes a new key each time", () => {
    expect(search({ region: "US-CA", year: undefined, text: "a&b" })).toBe("?region=US-CA&text=a%26b");
    expect(newIdempotencyKey()).toMatch(/^[0-9a-f]{32}$/);
    expect(newIdempotencyKey()).not.toBe(newIdempotencyKey());
  });
});
