import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import { createApi, type Api } from "../api/api";
import { isOver, store, storedSession, type Session } from "./session";

/** Why nobody is signed in, to be said on the sign-in page. */
export type SignedOutReason = "signin.ended" | "signin.signedOut" | null;

interface SessionValue {
  session: Session | null;
  api: Api;
  reason: SignedOutReason;
  signIn: (session: Session) => void;
  signOut: (reason: SignedOutReason) => void;
}

const Context = createContext<SessionValue | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>(() => storedSession());
  const [reason, setReason] = useState<SignedOutReason>(null);

  const signIn = useCallback((fresh: Session) => {
    store(fresh);
    setReason(null);
    setSession(fresh);
  }, []);
  const signOut = useCallback((why: SignedOutReason) => {
    store(null);
    setReason(why);
    setSession(null);
  }, []);
  useEndOfSession(session, signOut);

  const token = session?.token ?? null;
  const api = useMemo(
    () => createApi({ token: () => token, onUnauthorised: () => signOut("signin.ended") }),
    [token, signOut],
  );
  const value = useMemo(() => ({ session, api, reason, signIn, signOut }), [session, api, reason, signIn, signOut]);
  return <Context value={value}>{children}</Context>;
}

export function useSession(): SessionValue {
  const value = useContext(Context);
  if (!value) throw new Error("useSession needs a SessionProvider above it");
  return value;
}

/** Asks every half minute rather than with one timer: a laptop that slept past the end must notice it too. */
function useEndOfSession(session: Session | null, signOut: (reason: SignedOutReason) => void): void {
  useEffect(() => {
    if (!session) return;
    const timer = setInterval(() => isOver(session) && signOut("signin.ended"), 30_000);
    return () => clearInterval(timer);
  }, [session, signOut]);
}
