import { useEffect, useState, type FormEvent } from "react";

import { createApi } from "../api/api";
import { asProblem, type Problem } from "../api/problem";
import type { TokenAnswer } from "../api/types";
import { useWords } from "../i18n/language";
import { LanguageSwitch } from "../shell/LanguageSwitch";
import { Mark } from "../shell/Mark";
import { go, useRoute } from "../shell/route";
import { sessionOf, sessionOfToken } from "./session";
import { useSession } from "./SessionProvider";

export function SignInPage() {
  const { t } = useWords();
  const { reason } = useSession();
  const exchange = useOneTimeCode();
  return (
    <main className="signin" data-testid="signin-page">
      <section className="signin-card">
        <header>
          <Mark />
          <LanguageSwitch />
        </header>
        <h1>{t("signin.title")}</h1>
        <p className="muted">{t("signin.lead")}</p>
        {reason && !exchange.problem && (
          <p className="note" role="status" data-testid="signin-message">
            {t(reason)}
          </p>
        )}
        {exchange.problem && <FailedLink problem={exchange.problem} />}
        {exchange.isRunning ? (
          <p className="note" role="status">
            <span className="spinner small" aria-hidden="true" /> {t("signin.checking")}
          </p>
        ) : (
          <TokenForm />
        )}
        <TradeNotice />
      </section>
    </main>
  );
}

function FailedLink({ problem }: { problem: Problem }) {
  const { t } = useWords();
  const { title, detail, trace_id: trace } = problem.details;
  return (
    <div className="note bad" role="alert" data-testid="signin-message">
      <p>{problem.status === 0 ? t("problem.unreachable") : t("signin.failed")}</p>
      <p className="fine">{[title, detail].filter(Boolean).join(": ")}</p>
      {trace && <code className="fine">{trace}</code>}
    </div>
  );
}

function TokenForm() {
  const { t } = useWords();
  const { signIn } = useSession();
  const [token, setToken] = useState("");
  const [isRefused, setRefused] = useState(false);
  function submit(event: FormEvent) {
    event.preventDefault();
    const session = sessionOfToken(token);
    setRefused(session === null);
    if (!session) return;
    signIn(session);
    go("map");
  }
  return (
    <form onSubmit={submit} className="token-form">
      <p>{t("signin.withLink")}</p>
      <label htmlFor="token">{t("signin.token")}</label>
      <textarea
        id="token"
        rows={3}
        spellCheck={false}
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        aria-invalid={isRefused}
        aria-describedby={isRefused ? "token-refused" : undefined}
        data-testid="signin-token"
      />
      {isRefused && (
        <p id="token-refused" className="fine bad-text" role="alert">
          {t("signin.tokenShape")}
        </p>
      )}
      <button type="submit" className="button primary" disabled={token.trim() === ""} data-testid="signin-submit">
        {t("signin.submit")}
      </button>
    </form>
  );
}

function TradeNotice() {
  const { t } = useWords();
  return (
    <aside className="trade-notice" data-testid="trade-notice">
      <strong>{t("notice.title")}</strong>
      <p>{t("notice.trade")}</p>
      <p>
        <span className="adult" aria-hidden="true">
          18+
        </span>
        {t("notice.minors")}
      </p>
    </aside>
  );
}

/** A code works once, and React may run an effect twice: the exchange of a code is asked for only once. */
const exchanges = new Map<string, Promise<TokenAnswer>>();

function exchangeOnce(code: string): Promise<TokenAnswer> {
  const running = exchanges.get(code);
  if (running) return running;
  const api = createApi({ token: () => null, onUnauthorised: () => undefined });
  const started = api.exchangeCode(code);
  exchanges.set(code, started);
  return started;
}

function useOneTimeCode(): { isRunning: boolean; problem: Problem | null } {
  const code = useRoute().query.get("code");
  const { signIn } = useSession();
  const [failure, setFailure] = useState<{ code: string; problem: Problem } | null>(null);
  useEffect(() => {
    if (!code) return;
    let isCurrent = true;
    exchangeOnce(code).then(
      (answer) => {
        if (!isCurrent) return;
        signIn(sessionOf(answer));
        go("map");
      },
      (error: unknown) => isCurrent && setFailure({ code, problem: asProblem(error) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [code, signIn]);
  const problem = failure && failure.code === code ? failure.problem : null;
  return { isRunning: code !== null && code !== "" && !problem, problem };
}
