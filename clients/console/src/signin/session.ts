import type { TokenAnswer, User } from "../api/types";

/** A signed-in user. Kept for the tab only: closing it signs out. */
export interface Session {
  token: string;
  user: User;
  /** Milliseconds since 1970; null when the token does not say. */
  expiresAt: number | null;
}

const storageKey = "marketwin.session";

export function storedSession(now: number = Date.now()): Session | null {
  try {
    const session = JSON.parse(sessionStorage.getItem(storageKey) ?? "null") as Session | null;
    return session && !isOver(session, now) ? session : null;
  } catch {
    return null;
  }
}

export function store(session: Session | null): void {
  if (session) sessionStorage.setItem(storageKey, JSON.stringify(session));
  else sessionStorage.removeItem(storageKey);
}

export function sessionOf(answer: TokenAnswer, now: number = Date.now()): Session {
  return { token: answer.access_token, user: answer.user, expiresAt: now + answer.expires_in * 1000 };
}

/**
 * A session from a pasted token. The claims are read only to show a name and to know the end; whether the token is
 * good is the server's decision. Null when it is not a JWT at all.
 */
export function sessionOfToken(pasted: string): Session | null {
  const token = pasted.trim().replace(/^bearer\s+/i, "");
  const claims = claimsOf(token);
  if (!claims) return null;
  const id = String(claims["sub"] ?? "");
  const roles = Array.isArray(claims["roles"]) ? claims["roles"].map(String) : [];
  const expiresAt = typeof claims["exp"] === "number" ? claims["exp"] * 1000 : null;
  return { token, user: { id, name: String(claims["name"] ?? id), roles }, expiresAt };
}

export function isOver(session: Session, now: number = Date.now()): boolean {
  return session.expiresAt !== null && session.expiresAt <= now;
}

function claimsOf(token: string): Record<string, unknown> | null {
  const parts = token.split(".");
  if (parts.length !== 3 || !/^[\w-]+$/.test(parts[1]!)) return null;
  try {
    const bytes = Uint8Array.from(atob(parts[1]!.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
